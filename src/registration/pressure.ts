import type { Millis } from "../base/units.ts";
import { thresholdQuantity } from "../model/eviction-threshold.ts";
import { quantityUnits } from "../model/quantity.ts";

export type PressureKind = "memory" | "disk" | "pid";
export type Pressure = { readonly [kind in PressureKind]: boolean };

/** What is left and what there is, by eviction signal; a signal that can't be read is absent. */
export type SignalReadings = ReadonlyMap<string, { readonly available: number; readonly capacity: number }>;

type Thresholds = { readonly [signal: string]: string };

const KINDS: readonly (readonly [signal: RegExp, kind: PressureKind])[] = [
  [/^memory\./, "memory"],
  [/^(nodefs|imagefs)\./, "disk"],
  [/^pid\./, "pid"],
];

export const isOff = (threshold: string): boolean => threshold === "0%" || threshold === "100%";

/** Signals that have a threshold, so that only those are read. */
export const signalsOf = (...lists: readonly Thresholds[]): ReadonlySet<string> =>
  new Set(
    lists.flatMap((list) =>
      Object.entries(list)
        .filter(([, threshold]) => !isOff(threshold))
        .map(([signal]) => signal),
    ),
  );

/** Kinds of pressure that there is right now. A soft threshold counts at once: its grace is for the pods. */
export function pressureNow(readings: SignalReadings, ...lists: readonly Thresholds[]): ReadonlySet<PressureKind> {
  const crossed = lists.flatMap((list) =>
    Object.entries(list).filter(([signal, threshold]) => {
      const reading = readings.get(signal);
      if (!reading || isOff(threshold)) return false;
      return reading.available < quantityUnits(thresholdQuantity(threshold, reading.capacity));
    }),
  );
  return new Set(crossed.flatMap(([signal]) => KINDS.flatMap(([which, kind]) => (which.test(signal) ? [kind] : []))));
}

/** Pressure with its aftermath: a condition stays until nothing was seen of it for the transition period. */
export class PressureMemory {
  readonly #transition: Millis;
  readonly #seenAt = new Map<PressureKind, number>();

  constructor(transition: Millis) {
    this.#transition = transition;
  }

  /** `now`: milliseconds on the monotonic clock. */
  judge(seen: ReadonlySet<PressureKind>, now: number): Pressure {
    for (const kind of seen) this.#seenAt.set(kind, now);
    const holds = (kind: PressureKind) => {
      const at = this.#seenAt.get(kind);
      return at !== undefined && now - at < this.#transition;
    };
    return { memory: holds("memory"), disk: holds("disk"), pid: holds("pid") };
  }
}
