import type { Instant, Millis } from "../base/units.ts";

/** The only source of time. */
export interface Clock {
  /** Never goes back; meaningful in this process only. For spans and deadlines. */
  monotonic(): Instant;
  /** Wall time, may jump. Only for timestamps that leave the process or are compared with such. */
  wall(): Date;
  /** Resolves after `span`; rejects with `signal.reason` the moment the signal aborts. */
  sleep(span: Millis, signal: AbortSignal): Promise<void>;
}
