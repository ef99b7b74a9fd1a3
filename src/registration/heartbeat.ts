import { isFault, KubeletError } from "../base/fault.ts";
import { type Instant, type Millis, seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Clock } from "../ports/clock.ts";

/** Not sooner again: a new connection needs time to prove itself, and a server in trouble is spared. */
const LEAST_SPAN = seconds(10);

export interface HeartbeatDeps {
  readonly clock: Clock;
  /** Longest wait for one answer. */
  readonly patience: Millis;
  /** The server failed to serve one after the other: who connects anew may get a better one. */
  readonly onRepeatedFailure?: (() => void) | undefined;
}

/** Calls that say the node lives: an answer that takes too long is worth nothing. */
export class Heartbeats {
  readonly #deps: HeartbeatDeps;
  /** In a row, whoever called. */
  #failures = 0;
  #toldAt: Instant | undefined;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
  }

  /** @throws what `call` throws, or KubeletError `api-unavailable` when the time is over */
  async call<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, patience } = this.#deps;
    try {
      const answer = await within(patience, clock, { work: call, late: () => tooLate(patience), signal });
      this.#failures = 0;
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    // One that says no works.
    const isServers = isFault(error, "api-unavailable") || (isFault(error, "api-refused") && error.fault.status >= 500);
    this.#failures = isServers ? this.#failures + 1 : 0;
    const now = this.#deps.clock.monotonic();
    if (this.#failures < 2 || (this.#toldAt !== undefined && now - this.#toldAt < LEAST_SPAN)) return;
    this.#toldAt = now;
    this.#deps.onRepeatedFailure?.();
  }
}

function tooLate(patience: Millis): never {
  throw new KubeletError(`Cannot reach the API server: no answer within ${Math.round(patience / 1000)} s`, {
    code: "api-unavailable",
    server: "",
  });
}
