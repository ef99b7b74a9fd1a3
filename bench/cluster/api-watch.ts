/** What a cluster sees: objects as the API server's watch brings them, each with the time at which it came. Nothing is polled. */
import type { ApiClient, Change } from "../../scripts/lib/cluster/api-client.ts";
import type { KubeObject } from "../../src/ports/kube-api.ts";
import { Waiters } from "../waiters.ts";

export interface Seen<T> {
  readonly type: Change<T>["type"];
  readonly object: T;
  /** Wall clock, milliseconds. */
  readonly at: number;
}

export class ApiWatch<T extends KubeObject> implements Disposable {
  readonly #api: ApiClient;
  readonly #path: string;
  readonly #stop = new AbortController();
  readonly #objects = new Map<string, T>();
  readonly #waiters = new Waiters<Seen<T>>();

  private constructor(api: ApiClient, path: string) {
    this.#api = api;
    this.#path = path;
  }

  /** Of a whole collection in one namespace or without one: objects are known by name. */
  static async open<T extends KubeObject>(api: ApiClient, path: string): Promise<ApiWatch<T>> {
    const watch = new ApiWatch<T>(api, path);
    const list = await api.get<{
      readonly items: readonly T[];
      readonly metadata: { readonly resourceVersion: string };
    }>(path);
    for (const object of list.items) watch.#objects.set(nameOf(object), object);
    void watch.#run(list.metadata.resourceVersion);
    return watch;
  }

  /** As of now, by name. */
  get objects(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  /** The first event from now on that is wanted. Ask before causing it. */
  next(what: string, wanted: (seen: Seen<T>) => boolean, timeout?: number): Promise<Seen<T>> {
    return this.#waiters.next(what, wanted, timeout);
  }

  /** For each of the named objects the first event that is wanted. */
  each(
    what: string,
    names: readonly string[],
    wanted: (seen: Seen<T>) => boolean,
    timeout?: number,
  ): Promise<readonly Seen<T>[]> {
    const open = new Set(names);
    const isFirst = (seen: Seen<T>) => wanted(seen) && open.delete(nameOf(seen.object));
    return this.#waiters.some(what, names.length, isFirst, timeout);
  }

  /** All that comes while `work` goes on. */
  async during(work: () => Promise<void>): Promise<readonly Seen<T>[]> {
    const all: Seen<T>[] = [];
    using _ = this.#waiters.listen((seen) => all.push(seen));
    await work();
    return all;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /** The server ends a watch after half an hour or more; it goes on where it ended. */
  async #run(since: string): Promise<void> {
    const { signal } = this.#stop;
    for (let version = since; !signal.aborted; ) {
      try {
        for await (const { type, object } of this.#api.watch<T>(this.#path, version, signal)) {
          const seen = { type, object, at: Date.now() };
          version = object.metadata?.resourceVersion ?? version;
          if (type === "DELETED") this.#objects.delete(nameOf(object));
          else this.#objects.set(nameOf(object), object);
          this.#waiters.tell(seen);
        }
      } catch (error) {
        // Whoever waits for an event tells that it did not come.
        if (!signal.aborted) console.error(`bench: the watch of ${this.#path} ended: ${error}`);
        return;
      }
    }
  }
}

export const nameOf = ({ metadata }: KubeObject): string => metadata?.name ?? "";
