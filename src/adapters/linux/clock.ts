import { type Instant, instant, type Millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";

/** setTimeout takes 32 bits; a longer sleep is made of several. */
const LONGEST_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  return { monotonic, wall: () => new Date(), sleep };
}

const monotonic = (): Instant => instant(performance.now());

async function sleep(span: Millis, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const end = performance.now() + span;
  // Again where the timer fired a part of a millisecond early: a caller must not find its deadline still to come.
  for (let left: number = span; left > 0; left = end - performance.now()) {
    await pause(Math.min(Math.ceil(left), LONGEST_MS), signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
