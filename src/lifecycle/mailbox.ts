import { Bell } from "../base/bell.ts";
import type { Instant } from "../base/units.ts";
import { until } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { PodIntent } from "./intent.ts";

/** Ends the alarm of a rest. Made once: an error without a stack of its own costs nothing each time. */
const RUNG = new Error("The rest is over");

/**
 * Holds the one intent of a pod, newest wins, and a bell. Stop is final and its grace only shrinks; `stopping` aborts once, at the
 * first stop, so that work for a running pod ends at once.
 */
export class Mailbox {
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  #intent: PodIntent;

  constructor(intent: PodIntent) {
    this.#intent = intent;
    if (intent.goal === "stop") this.#stopping.abort();
  }

  get intent(): PodIntent {
    return this.#intent;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Offers a newer intent. Ignored where it would take back a stop or lengthen its grace. */
  offer(intent: PodIntent): void {
    const held = this.#intent;
    if (held.goal === "stop" && (intent.goal === "run" || intent.grace >= held.grace)) return;
    this.#intent = intent;
    if (intent.goal === "stop") this.#stopping.abort(new Error(`Pod ${intent.uid} is to stop`));
    this.#bell.ring();
  }

  /** Something about the pod may have changed: look again. */
  ring(): void {
    this.#bell.ring();
  }

  /** Waits for a ring or until `wakeAt`. Rejects with `signal.reason`. */
  async rest(clock: Clock, wakeAt: Instant | undefined, signal: AbortSignal): Promise<void> {
    if (wakeAt === undefined) return this.#bell.wait(signal);
    signal.throwIfAborted();
    const turn = new AbortController();
    // Not AbortSignal.any(): each pod rests all the time, and that costs more than everything else here.
    const end = () => turn.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      const ring = this.#bell.wait(turn.signal);
      const alarm = clock.sleep(until(clock.monotonic(), wakeAt), turn.signal);
      await Promise.race([ring, alarm]);
    } finally {
      signal.removeEventListener("abort", end);
      turn.abort(RUNG);
    }
  }
}
