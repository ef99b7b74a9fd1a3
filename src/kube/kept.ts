import type { KubeletError } from "../base/fault.ts";
import type { Millis } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Collection, KubeObject } from "../ports/kube-api.ts";
import { Reflector, type ReflectorDeps } from "./reflector.ts";

export interface KeptOptions<T> {
  readonly at: Collection;
  /** Of the one object to keep; undefined: all of the collection. */
  readonly name?: string | undefined;
  /** As ReflectorOptions has it. */
  readonly lacks?: ((items: readonly T[]) => boolean) | undefined;
  /** `isFirst`: this is the first that is known. */
  readonly onChange: (isFirst: boolean) => void;
  readonly onBug: (error: unknown) => void;
}

/**
 * Upstream's for these: a node has such a watch for each object that its pods name. There may be hundreds, each of which is asked for anew when its time is over.
 * A watch that is cut ends sooner anyway, and a peer that is gone is found by the connection's own pings.
 */
const WATCH_SECONDS = { least: 1800, most: 3600 };

/** A collection, or one object of it, that is kept while somebody needs it. */
export class Kept<T extends KubeObject> {
  readonly #options: KeptOptions<T>;
  readonly #deps: ReflectorDeps;
  readonly #reflector: Reflector<T>;
  readonly #life = new AbortController();
  readonly #signal: AbortSignal;
  #trouble: KubeletError | undefined;
  #seen = false;

  constructor(options: KeptOptions<T>, deps: ReflectorDeps, signal: AbortSignal) {
    this.#options = options;
    this.#deps = deps;
    this.#signal = AbortSignal.any([signal, this.#life.signal]);
    this.#reflector = new Reflector<T>(
      {
        at: options.at,
        ...(options.name === undefined ? {} : { fieldSelector: `metadata.name=${options.name}` }),
        lacks: options.lacks,
        watchSeconds: WATCH_SECONDS,
        onChange: () => this.#changed(),
        onTrouble: (trouble) => {
          this.#trouble = trouble;
        },
      },
      deps,
    );
  }

  start(): void {
    this.#reflector.run(this.#signal).catch((error: unknown) => {
      if (!this.#signal.aborted) this.#options.onBug(error);
    });
  }

  /** Nothing is kept up to date any more; what is known stays. */
  freeze(): void {
    this.#life.abort(new Error("it does not change any more"));
  }

  stop(): void {
    this.#life.abort(new Error("nobody needs it any more"));
  }

  get hasSynced(): boolean {
    return this.#reflector.hasSynced;
  }

  /** Why nothing new can be told right now. */
  get trouble(): KubeletError | undefined {
    return this.#trouble;
  }

  /** Whether it is known within the time. */
  async synced(patience: Millis, signal: AbortSignal): Promise<boolean> {
    await within(patience, this.#deps.clock, { work: () => this.#reflector.synced, late: () => undefined, signal });
    return this.#reflector.hasSynced;
  }

  /** The one object, where there is one. */
  get(): T | undefined {
    return this.#reflector.all()[0];
  }

  all(): readonly T[] {
    return this.#reflector.all();
  }

  #changed(): void {
    const isFirst = !this.#seen;
    this.#seen = true;
    this.#options.onChange(isFirst);
  }
}
