interface Reading {
  /** Milliseconds of the clock that dated the counter. */
  readonly at: number;
  readonly nanos: number;
}

/** Readings closer than this say little of a rate. */
const LEAST_SPAN_MS = 1000;
/** An older one says nothing of now. */
const MOST_SPAN_MS = 10 * 60_000;
/** By so much a reading may be overtaken by another one; beyond that the clock was set back. */
const MOST_LATE_MS = 10_000;

/** CPU use out of counters: what was used since an earlier reading of the same thing. */
export class CpuRates {
  /** By what was read: the last reading, and the one before that a rate can be taken from. */
  readonly #readings = new Map<string, { readonly base: Reading | undefined; readonly last: Reading }>();

  get size(): number {
    return this.#readings.size;
  }

  /**
   * Nanoseconds of CPU per second, whole; undefined until a reading is old enough. A counter that went back starts anew; one that was only read before the
   * last one, by somebody who took longer to come here, does not.
   */
  rate(key: string, now: Reading): number | undefined {
    const seen = this.#readings.get(key);
    if (seen === undefined || (isBack(now, seen.last) && !isOvertaken(now, seen.last))) {
      this.#readings.set(key, { base: undefined, last: now });
      return undefined;
    }
    const fresh = now.at - seen.last.at >= LEAST_SPAN_MS;
    const base = fresh ? seen.last : seen.base;
    if (fresh) this.#readings.set(key, { base, last: now });
    if (base === undefined || now.at <= base.at || now.at - base.at > MOST_SPAN_MS) return undefined;
    return Math.round(((now.nanos - base.nanos) / (now.at - base.at)) * 1000);
  }

  /** Forgets what is not there any more. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#readings.keys()) if (!keys.has(key)) this.#readings.delete(key);
  }
}

const isBack = (now: Reading, last: Reading): boolean => now.nanos < last.nanos || now.at < last.at;

const isOvertaken = (now: Reading, last: Reading): boolean =>
  now.nanos <= last.nanos && now.at <= last.at && last.at - now.at <= MOST_LATE_MS;
