import { millis, seconds } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  Collection,
  DeleteOptions,
  KubeApi,
  KubeList,
  KubeObject,
  ListQuery,
  PatchKind,
  WatchEvent,
  WatchQuery,
  WriteOptions,
} from "../ports/kube-api.ts";
import { type ApiCall, ApiFaults, refused, unreached } from "./kube-api-faults.ts";
import { SimApiServer } from "./kube-api-server.ts";
import type { Feed } from "./kube-api-watch.ts";

/** How often the real server sends a bookmark, and how long before the end of a watch once more. */
const BOOKMARK_MS = 60_000;

/**
 * The way to an in-memory API server: what is asked may not arrive, take time, or take effect without an answer.
 * For a unit test `new SimKubeApi(clock)` is enough; `server` is the rest of the cluster, `faults` says what goes wrong.
 */
export class SimKubeApi implements KubeApi {
  readonly server: SimApiServer;
  readonly faults: ApiFaults;
  readonly #clock: Clock;
  /** Requests so far, watches included: for tests that no storm comes. */
  requests = 0;
  onCall: ((call: ApiCall) => void) | undefined;

  constructor(clock: Clock, server: SimApiServer = new SimApiServer(clock), faults: ApiFaults = new ApiFaults()) {
    this.#clock = clock;
    this.server = server;
    this.faults = faults;
  }

  get<T extends KubeObject>(at: Collection, name: string, signal: AbortSignal): Promise<T> {
    return this.#do(callOf("get", at, name), () => this.server.get<T>(at, name), signal);
  }

  list<T extends KubeObject>(at: Collection, query: ListQuery, signal: AbortSignal): Promise<KubeList<T>> {
    return this.#do(callOf("list", at, "", query), () => this.server.list<T>(at, query), signal);
  }

  async *watch<T extends KubeObject>(
    at: Collection,
    query: WatchQuery,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    let opened: Feed | undefined;
    const open = () => {
      opened = this.server.watch(at, query);
      return opened;
    };
    try {
      const feed = await this.#do(callOf("watch", at, "", query), open, signal);
      query.onOpen?.();
      yield* this.#follow<T>(feed, query.timeoutSeconds, signal);
    } finally {
      if (opened) this.server.leave(opened);
    }
  }

  async *#follow<T extends KubeObject>(feed: Feed, timeoutSeconds: number, signal: AbortSignal) {
    const over = new AbortController();
    const ending = this.#endInTime(feed, timeoutSeconds, AbortSignal.any([signal, over.signal]));
    try {
      for await (const event of feed.events(signal)) {
        await this.#wait(signal);
        yield event as WatchEvent<T>;
      }
    } finally {
      over.abort();
      await ending;
    }
  }

  create<T extends KubeObject>(
    at: Collection,
    object: KubeObject,
    signal: AbortSignal,
    named?: { readonly name: string; readonly subresource: string },
  ): Promise<T> {
    const call = callOf("create", at, named?.name ?? "", object, named?.subresource);
    return this.#do(call, () => this.server.create<T>(at, object, named), signal);
  }

  replace<T extends KubeObject>(
    at: Collection,
    name: string,
    object: KubeObject,
    signal: AbortSignal,
    { subresource }: WriteOptions = {},
  ): Promise<T> {
    const call = callOf("replace", at, name, object, subresource);
    return this.#do(call, () => this.server.replace<T>(at, name, object, subresource), signal);
  }

  patch<T extends KubeObject>(
    at: Collection,
    name: string,
    kind: PatchKind,
    body: unknown,
    signal: AbortSignal,
    { subresource }: WriteOptions = {},
  ): Promise<T> {
    const call = callOf("patch", at, name, body, subresource);
    return this.#do(call, () => this.server.patch<T>(at, name, kind, body, subresource), signal);
  }

  delete(at: Collection, name: string, options: DeleteOptions, signal: AbortSignal): Promise<void> {
    return this.#do(callOf("delete", at, name, options), () => this.server.delete(at, name, options), signal);
  }

  async #do<T>(call: ApiCall, effect: () => T, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    this.requests++;
    this.onCall?.(call);
    const fault = this.faults.of(call);
    await this.#wait(signal);
    if (fault?.kind === "unavailable") throw unreached("connection refused");
    if (fault?.kind === "refused") {
      const { status, reason = "", why = `simulated ${status}`, retryAfter } = fault;
      throw refused(status, reason, `${call.verb} ${call.at.resource}: ${why}`, retryAfter);
    }
    const answer = effect();
    await this.#wait(signal);
    if (fault?.kind === "lost-answer") throw unreached("the connection broke before the answer came");
    return answer;
  }

  /** Half of an answer's way. Always a turn of its own: nothing remote is there at once. */
  async #wait(signal: AbortSignal): Promise<void> {
    const latency = this.faults.latency?.() ?? 0;
    if (latency > 0) await this.#clock.sleep(millis(latency / 2), signal);
    else await Promise.resolve();
    signal.throwIfAborted();
  }

  async #endInTime(feed: Feed, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    try {
      const end = this.#clock.monotonic() + seconds(timeoutSeconds);
      for (let left = end - this.#clock.monotonic(); left > 0; left = end - this.#clock.monotonic()) {
        await this.#clock.sleep(millis(Math.min(left, BOOKMARK_MS)), signal);
        this.server.bookmark(feed);
      }
      feed.end();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

const callOf = (verb: ApiCall["verb"], at: Collection, name: string, body?: unknown, subresource = ""): ApiCall => ({
  verb,
  at,
  name,
  subresource,
  body,
});
