import type { Instant } from "../base/units.ts";

/** Token bucket that never waits: a pull beyond the rate fails at once, and its back-off spreads the rest. */
export class PullRate {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: Instant | undefined;

  /** `perSecond` 0: no limit. */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  take(now: Instant): boolean {
    if (this.#perSecond === 0) return true;
    const passed = now - (this.#filledAt ?? now);
    this.#filledAt = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed / 1000) * this.#perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
