import { type Millis, millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";

/** kubeAPIQPS and kubeAPIBurst, or those of events. */
export interface RequestLimits {
  /** Per second; 0: client-go's 5; below 0: no limit. */
  readonly qps: number;
  /** 0: client-go's 10. */
  readonly burst: number;
}

/** Lets `burst` through at once and `qps` a second in the long run, in order of arrival. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #qps: number;
  readonly #burst: number;
  /** Below 0: promised to who waits. */
  #tokens: number;
  #filledAt: number;

  constructor({ qps, burst }: RequestLimits, clock: Clock) {
    this.#clock = clock;
    this.#qps = qps === 0 ? 5 : qps;
    this.#burst = burst <= 0 ? 10 : burst;
    this.#tokens = this.#burst;
    this.#filledAt = clock.monotonic();
  }

  /** Resolves with how long it waited. */
  async take(signal: AbortSignal): Promise<Millis> {
    signal.throwIfAborted();
    if (this.#qps < 0) return millis(0);
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#qps);
    this.#filledAt = now;
    this.#tokens--;
    if (this.#tokens >= 0) return millis(0);
    const wait = millis((-this.#tokens / this.#qps) * 1000);
    try {
      await this.#clock.sleep(wait, signal);
      return wait;
    } catch (error) {
      this.#tokens++;
      throw error;
    }
  }
}
