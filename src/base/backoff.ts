import { type Millis, millis } from "./units.ts";

/** Delays double from `base` to `cap`; an entry that was not advanced for `forgetAfter` counts as absent. */
export interface BackoffCurve {
  readonly base: Millis;
  readonly cap: Millis;
  readonly forgetAfter: Millis;
}

/** Times in this file are milliseconds on one clock: the caller chooses it and never mixes two. */
export interface BackoffEntry {
  readonly delay: Millis;
  readonly updatedAt: number;
}

/** Two clocks that show the same time may differ by this much, because one is cut to whole milliseconds. */
const CLOCK_TOLERANCE = 1000;

export function backoffCurve(base: Millis, cap: Millis, forgetAfter: Millis): BackoffCurve {
  return { base: millis(Math.min(base, cap)), cap, forgetAfter };
}

/** The entry after one more failure or restart. `eventAt` decides whether the old entry is forgotten. */
export function advanceBackoff(
  entry: BackoffEntry | undefined,
  eventAt: number,
  now: number,
  curve: BackoffCurve,
): BackoffEntry {
  const forgotten = entry === undefined || isForgotten(entry, eventAt, curve);
  return { delay: forgotten ? curve.base : millis(Math.min(entry.delay * 2, curve.cap)), updatedAt: now };
}

/**
 * End of the wait that is measured from something that happened at `eventAt` (a container's end); undefined when nothing blocks.
 * An event from the future means that the clock was set back: waiting for it to catch up could take for ever, so it does not block.
 */
export function blockedSinceEvent(
  entry: BackoffEntry | undefined,
  eventAt: number,
  now: number,
  curve: BackoffCurve,
): number | undefined {
  if (entry === undefined || isForgotten(entry, eventAt, curve) || eventAt > now + CLOCK_TOLERANCE) return undefined;
  const end = eventAt + entry.delay;
  return now < end ? end : undefined;
}

/** End of the wait that is measured from the last advance (an image pull); undefined when nothing blocks. */
export function blockedSinceUpdate(
  entry: BackoffEntry | undefined,
  now: number,
  curve: BackoffCurve,
): number | undefined {
  if (entry === undefined || isForgotten(entry, now, curve)) return undefined;
  const end = entry.updatedAt + entry.delay;
  return now < end ? end : undefined;
}

const isForgotten = (entry: BackoffEntry, eventAt: number, curve: BackoffCurve): boolean =>
  eventAt - entry.updatedAt > curve.forgetAfter;

/** The span and up to half of it more, so that what failed together is not tried together again. */
export const jittered = (span: Millis, random: { fraction(): number }): Millis =>
  millis(span * (1 + random.fraction() / 2));

/** Back-off entries by key. Holds at most what was advanced within `forgetAfter` once `sweep` is called now and then. */
export class BackoffTable {
  readonly #curve: BackoffCurve;
  readonly #entries = new Map<string, BackoffEntry>();

  constructor(curve: BackoffCurve) {
    this.#curve = curve;
  }

  /** The delay in force, 0 when there is no entry. */
  current(key: string): Millis {
    return this.#entries.get(key)?.delay ?? millis(0);
  }

  next(key: string, eventAt: number, now: number): BackoffEntry {
    const entry = advanceBackoff(this.#entries.get(key), eventAt, now, this.#curve);
    this.#entries.set(key, entry);
    return entry;
  }

  blockedSinceEvent(key: string, eventAt: number, now: number): number | undefined {
    return blockedSinceEvent(this.#entries.get(key), eventAt, now, this.#curve);
  }

  blockedSinceUpdate(key: string, now: number): number | undefined {
    return blockedSinceUpdate(this.#entries.get(key), now, this.#curve);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  sweep(now: number): void {
    for (const [key, entry] of this.#entries) if (isForgotten(entry, now, this.#curve)) this.#entries.delete(key);
  }
}
