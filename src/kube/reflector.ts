import { isFault, KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Collection, KubeApi, KubeObject, WatchEvent } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { Holding } from "./holding.ts";
import { isExpired, Pace } from "./retry.ts";

export interface ReflectorDeps {
  readonly api: Pick<KubeApi, "list" | "watch">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ReflectorOptions<T> {
  readonly at: Collection;
  readonly fieldSelector?: string | undefined;
  /** The first list, too, must tell what is, not what the server's cache has: what is missing in it counts as gone. */
  readonly fresh?: boolean | undefined;
  /** Whether something that should be there is missing in the first list: if that came from the server's cache, what is there now is asked for. */
  readonly lacks?: ((items: readonly T[]) => boolean) | undefined;
  /** How long a watch is asked to last, seconds: by chance between these. client-go's when not given. */
  readonly watchSeconds?: WatchSeconds | undefined;
  /** What is kept of an object, for its memory; undefined: nothing, as if it did not exist. managedFields are never kept. */
  readonly keep?: (object: T) => T | undefined;
  /** After each list and each burst of watch events, with the keys ("namespace/name", or "name") that changed; also once when the first list is in. */
  readonly onChange?: (changed: ReadonlySet<string>) => void;
  /** Each failure that makes it wait, and undefined when it works again. */
  readonly onTrouble?: (trouble: KubeletError | undefined) => void;
}

/** Chance keeps watches that began together from beginning anew together. */
export interface WatchSeconds {
  readonly least: number;
  readonly most: number;
}

/** client-go's. */
const WATCH_SECONDS: WatchSeconds = { least: 300, most: 600 };
/** A watch that is over sooner counts as a failure: else a proxy that ends each would be asked without pause. */
const SHORT_WATCH_MS = 1000;
/** So many refusals in a row mean that the version is what is refused. */
const REFUSALS_BEFORE_LIST = 3;

/**
 * A collection kept by a list and watches: what the API server holds, a moment late.
 *
 *      list ──► watch from its version ──► event, bookmark: version moves on
 *       ▲          ▲        │
 *       │          └────────┤ over, cut, 429, 5xx: the same version again, after a wait
 *       └───────────────────┘ 410: the changes since then are forgotten
 *
 * Objects that vanished between two lists count as changed like those a watch tells of.
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #deps: ReflectorDeps;
  readonly #log: Log;
  readonly #pace: Pace;
  readonly #held: Holding<T>;
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  /** From where to watch; undefined: list first. */
  #version: string | undefined;
  #refusals = 0;
  /** On the monotonic clock, ms. */
  #listedAt = 0;
  #trouble: KubeletError | undefined;

  constructor(options: ReflectorOptions<T>, deps: ReflectorDeps) {
    this.#options = options;
    this.#deps = deps;
    const { resource, namespace } = options.at;
    this.#log = deps.log.with({ resource, ...(namespace === undefined ? {} : { namespace }) });
    this.#pace = new Pace(deps);
    this.#held = new Holding(options.keep);
  }

  /** Resolves when the first list is in. Never rejects. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** By "namespace/name", or "name". */
  get(key: string): T | undefined {
    return this.#held.get(key);
  }

  all(): readonly T[] {
    return this.#held.all();
  }

  /** Rejects with `signal.reason`, or with what `onChange` threw. Call it once. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted();
      const failure = await this.#turn(signal);
      if (failure !== undefined) await this.#waitOut(failure, signal);
    }
  }

  /** One list or one watch; undefined: go on at once. */
  async #turn(signal: AbortSignal): Promise<KubeletError | undefined> {
    try {
      if (this.#version === undefined) await this.#list(signal);
      else await this.#watch(this.#version, signal);
      this.#refusals = 0;
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      return this.#afterFailure(error);
    }
  }

  #afterFailure(error: KubeletError): KubeletError | undefined {
    const { at } = this.#options;
    if (isFault(error, "api-refused")) this.#refusals++;
    else this.#refusals = 0;
    const wasWatching = this.#version !== undefined;
    if (isExpired(error) || this.#refusals >= REFUSALS_BEFORE_LIST) this.#version = undefined;
    const isFresh = this.#deps.clock.monotonic() - this.#listedAt < SHORT_WATCH_MS;
    if (!wasWatching || isFresh || !isExpired(error)) return error;
    this.#log.debug(4, "Watch is too old, listing again", { resource: at.resource });
    return undefined;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { at, fieldSelector, onChange, fresh, lacks } = this.#options;
    const read = (resourceVersion: string | undefined) =>
      this.#deps.api.list<T>(at, { fieldSelector, resourceVersion }, signal);
    // The first may come from the server's cache, as all nodes of a cluster may start at once; a later one must not lead back in time.
    const isCached = !this.#hasSynced && !fresh;
    let list = await read(isCached ? "0" : undefined);
    if (isCached && lacks?.(list.items)) list = await read(undefined);
    const changed = this.#held.replaceAll(list.items);
    this.#version = list.resourceVersion;
    this.#listedAt = this.#deps.clock.monotonic();
    this.#works();
    const isFirst = !this.#hasSynced;
    this.#hasSynced = true;
    this.#synced.resolve();
    if (changed.size > 0 || isFirst) onChange?.(changed);
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { api, clock, random } = this.#deps;
    const { at, fieldSelector, watchSeconds } = this.#options;
    const { least, most } = watchSeconds ?? WATCH_SECONDS;
    const timeoutSeconds = Math.floor(least + random.fraction() * (most - least));
    const began = clock.monotonic();
    const onOpen = () => this.#works();
    const watch = api.watch<T>(at, { fieldSelector, resourceVersion, timeoutSeconds, onOpen }, signal);
    await this.#follow(watch[Symbol.asyncIterator]());
    if (clock.monotonic() - began >= SHORT_WATCH_MS) return;
    await clock.sleep(this.#pace.next(), signal);
  }

  async #follow(events: AsyncIterator<WatchEvent<T>>): Promise<void> {
    const changed = new Set<string>();
    const tell = () => {
      if (changed.size === 0) return;
      const told = new Set(changed);
      changed.clear();
      this.#options.onChange?.(told);
    };
    try {
      for (let next = events.next(); ; ) {
        const { done, value } = await next;
        if (done) break;
        this.#works();
        this.#take(value, changed);
        next = events.next();
        if (await isPending(next)) tell();
      }
    } finally {
      tell();
    }
  }

  #take(event: WatchEvent<T>, changed: Set<string>): void {
    if (event.type === "BOOKMARK") {
      this.#version = event.resourceVersion || this.#version;
      return;
    }
    const key = this.#held.take(event);
    if (key === undefined) this.#log.warn("Watch told of an object without a name", { type: event.type });
    else changed.add(key);
    this.#version = event.object.metadata?.resourceVersion ?? this.#version;
  }

  async #waitOut(failure: KubeletError, signal: AbortSignal): Promise<void> {
    const wait = this.#pace.next(failure);
    const isNews = this.#trouble?.message !== failure.message;
    this.#trouble = failure;
    this.#options.onTrouble?.(failure);
    const fields = { err: messageOf(failure), retryInMs: Math.round(wait) };
    if (isNews) this.#log.warn("Cannot follow the API server", fields);
    else this.#log.debug(2, "Still cannot follow the API server", fields);
    await this.#deps.clock.sleep(wait, signal);
  }

  #works(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#log.info("Following the API server again");
    this.#options.onTrouble?.(undefined);
  }
}

/** Turns of the microtask queue in which events that have arrived already come out of an iterator. */
const TURNS = 16;

/** Whether there is nothing more yet: what came together is told together. */
async function isPending(next: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const done = () => {
    pending = false;
  };
  next.then(done, done);
  for (let turn = 0; turn < TURNS && pending; turn++) await undefined;
  return pending;
}
