import { Life } from "../base/abort.ts";
import { Bell } from "../base/bell.ts";
import { type Instant, type Millis, millis, until } from "../base/units.ts";
import type { Ending } from "../model/ending.ts";
import type { Clock } from "../ports/clock.ts";
import type { PodIntent } from "./intent.ts";

/** Ends the alarm of a rest, or of work that is over. Made once: an error without a stack of its own costs nothing each time. */
const RUNG = new Error("The rest is over");
/** Ends a stop that gives more time than there is now. */
const HURRY = new Error("The pod is to stop sooner");

/** Whether work was aborted because the pod is to stop sooner: plan again. */
export const isHurry = (error: unknown): boolean => error === HURRY;

/**
 * Holds the one intent of a pod, newest wins, and a bell. Stop is final and its grace only shrinks; `stopping` aborts once, at the
 * first stop or ending, so that work for a running pod ends at once. A stop under way that gives more time than there is now is aborted.
 */
export class Mailbox {
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  /** Stops under way, with the longest grace that they give. */
  readonly #hurries = new Set<{ readonly grace: Millis; readonly end: AbortController }>();
  #intent: PodIntent;
  #ending: Ending | undefined;

  constructor(intent: PodIntent) {
    this.#intent = intent;
    if (intent.goal === "stop") this.#stopping.abort();
  }

  get intent(): PodIntent {
    return this.#intent;
  }

  /** Set when the node itself ends the pod, whatever is wanted of it. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Offers a newer intent. A stop is not taken back, its grace not lengthened, and what it lets go is not kept again. */
  offer(intent: PodIntent): void {
    const held = this.#intent;
    if (held.goal === "stop") {
      if (intent.goal === "run") return;
      const grace = this.#shortest(held.grace, intent.grace);
      const keep = held.keep === true && intent.keep === true;
      const pod = intent.pod ?? held.pod;
      if (grace === held.grace && keep === (held.keep === true) && pod === held.pod) return;
      this.#intent = { ...intent, pod, grace, keep };
    } else this.#intent = intent.goal === "run" ? intent : { ...intent, grace: this.#shortest(intent.grace) };
    if (this.#intent.goal === "stop") this.#stopWithin(this.#intent.grace);
    this.#bell.ring();
  }

  /** The node ends the pod. Not taken back; of several, the last one's words count and the shortest grace. */
  end(ending: Ending): void {
    const grace = this.#shortest(ending.grace);
    this.#ending = { ...ending, grace };
    const held = this.#intent;
    if (held.goal === "stop" && grace < held.grace) this.#intent = { ...held, grace };
    this.#stopWithin(grace);
    this.#bell.ring();
  }

  #shortest(...graces: readonly Millis[]): Millis {
    return millis(Math.min(this.#ending?.grace ?? Number.POSITIVE_INFINITY, ...graces));
  }

  #stopWithin(most: Millis): void {
    this.#stopping.abort(new Error(`Pod ${this.#intent.uid} is to stop`));
    for (const { grace, end } of this.#hurries) if (most < grace) end.abort(HURRY);
  }

  /** Does work that gives up to `grace` to whatever it stops. Its signal also aborts when the pod is to stop sooner: see `isHurry`. */
  async stopWithin<T>(grace: Millis, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const hurry = { grace, end: new AbortController() };
    this.#hurries.add(hurry);
    try {
      return await work(AbortSignal.any([signal, hurry.end.signal]));
    } finally {
      this.#hurries.delete(hurry);
    }
  }

  /** Does work for a pod that is to run. Its signal also aborts when the pod has been to stop for `patience`: see `isHurry`. */
  async whileWanted<T>(
    patience: Millis,
    clock: Clock,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    using life = new Life(signal);
    const onStop = () => {
      clock.sleep(patience, life.signal).then(
        () => life.abort(HURRY),
        () => {},
      );
    };
    if (this.stopping.aborted) onStop();
    this.stopping.addEventListener("abort", onStop, { once: true });
    try {
      return await work(life.signal);
    } finally {
      this.stopping.removeEventListener("abort", onStop);
      life.abort(RUNG);
    }
  }

  /** Something about the pod may have changed: look again. */
  ring(): void {
    this.#bell.ring();
  }

  /** Waits for a ring or until `wakeAt`. Rejects with `signal.reason`. */
  async rest(clock: Clock, wakeAt: Instant | undefined, signal: AbortSignal): Promise<void> {
    if (wakeAt === undefined) return this.#bell.wait(signal);
    signal.throwIfAborted();
    // Not AbortSignal.any(): each pod rests all the time, and that costs more than everything else here.
    using turn = new Life(signal);
    try {
      const ring = this.#bell.wait(turn.signal);
      const alarm = clock.sleep(until(clock.monotonic(), wakeAt), turn.signal);
      await Promise.race([ring, alarm]);
    } finally {
      turn.abort(RUNG);
    }
  }
}
