import { Bell } from "../base/bell.ts";
import type { KubeObject, WatchEvent } from "../ports/kube-api.ts";
import type { Stored } from "./kube-api-kinds.ts";

/** One change of one object; `object` or `before` is missing where it began or ended. */
export interface Change {
  readonly version: number;
  readonly collection: string;
  readonly key: string;
  readonly before: Stored | undefined;
  readonly object: Stored | undefined;
  /** The object with the version of its end. */
  readonly last: Stored;
}

/** One open watch: what it has to tell and how it ends. */
export class Feed {
  readonly selects: (object: KubeObject) => boolean;
  readonly #collection: string;
  readonly #queue: WatchEvent<KubeObject>[] = [];
  readonly #bell = new Bell();
  #end: { readonly error: unknown } | undefined;

  constructor(collection: string, selects: (object: KubeObject) => boolean) {
    this.#collection = collection;
    this.selects = selects;
  }

  /** An object that comes to match or ceases to is ADDED and DELETED to this watcher. */
  tell({ collection, before, object, last }: Change): void {
    if (collection !== this.#collection) return;
    const was = before !== undefined && this.selects(before);
    const is = object !== undefined && this.selects(object);
    if (is) this.push({ type: was ? "MODIFIED" : "ADDED", object });
    // As it was when it still matched, with the version of now.
    else if (was) this.push({ type: "DELETED", object: endOf(before, last) });
  }

  push(event: WatchEvent<KubeObject>): void {
    this.#queue.push(event);
    this.#bell.ring();
  }

  /** After what is queued; without an error the watch is over as at its time-out. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#bell.ring();
  }

  async *events(signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>, void, undefined> {
    for (;;) {
      for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
        yield event;
        signal.throwIfAborted();
      }
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end) return;
      await this.#bell.wait(signal);
    }
  }
}

const endOf = (before: KubeObject, { metadata }: KubeObject): KubeObject => ({
  ...before,
  metadata: { ...before.metadata, resourceVersion: metadata?.resourceVersion },
});
