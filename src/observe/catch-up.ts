import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/** While nothing happens, nobody asks the runtime for this long. */
export const SWEEP_SPAN = millis(5 * 60_000);
const RETRY_SPAN = millis(1_000);
/**
 * After a connect the list is read again after each of these: an exit just before it is told by no event, and the runtime's answers may lag behind
 * such an exit. Measured on containerd 1.6: up to 180 ms, more while it reads its containers at its own start.
 */
const SECOND_LOOKS = [millis(1_000), millis(4_000)];
/** Pace of the relist while no event source is connected: quick after a change, slower while nothing happens. */
const RELIST_SPAN = { quickest: 500, slowest: 5_000 };

export interface CatchUpDeps {
  /** Lists everything the runtime has and reads what differs; resolves to how many pods did. */
  readonly listAll: (signal: AbortSignal) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the runtime answers again after it may have been away. */
  readonly onResync: () => void;
}

/** Decides when everything is listed: what events did not tell is found then. */
export class CatchUp {
  readonly #deps: CatchUpDeps;
  #turn = 0;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
  }

  /** Events come from now on, or come no more. One loop at a time lists what they may have missed: a newer one replaces the older. */
  begin(kind: "resync" | "lost", signal: AbortSignal): void {
    const turn = ++this.#turn;
    const loop = kind === "resync" ? this.#resync(turn, signal) : this.#relist(turn, signal);
    loop.catch((error) => this.#complain("Stopped listing the runtime's pods", error, signal));
  }

  /** Trusts no event source: what the events did not tell is found here, late but surely. Rejects with the signal's reason. */
  async sweep(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#deps.clock.sleep(SWEEP_SPAN, signal);
      await this.#tryList(signal);
    }
  }

  async #resync(turn: number, signal: AbortSignal): Promise<void> {
    while (turn === this.#turn && (await this.#tryList(signal)) === undefined) {
      await this.#deps.clock.sleep(RETRY_SPAN, signal);
    }
    if (turn === this.#turn) this.#deps.onResync();
    for (const span of SECOND_LOOKS) {
      await this.#deps.clock.sleep(span, signal);
      if (turn !== this.#turn) return;
      await this.#tryList(signal);
    }
  }

  async #relist(turn: number, signal: AbortSignal): Promise<void> {
    let span = RELIST_SPAN.quickest;
    let answered = false;
    while (turn === this.#turn) {
      const changed = await this.#tryList(signal);
      if (changed !== undefined && !answered) this.#deps.onResync();
      answered = changed !== undefined;
      span = changed ? RELIST_SPAN.quickest : Math.min(span * 1.5, RELIST_SPAN.slowest);
      await this.#deps.clock.sleep(millis(span), signal);
    }
  }

  async #tryList(signal: AbortSignal): Promise<number | undefined> {
    try {
      return await this.#deps.listAll(signal);
    } catch (error) {
      this.#complain("Cannot list the runtime's pods", error, signal);
      return undefined;
    }
  }

  #complain(message: string, error: unknown, signal: AbortSignal): void {
    if (!signal.aborted) this.#deps.log.warn(message, { err: messageOf(error) });
  }
}
