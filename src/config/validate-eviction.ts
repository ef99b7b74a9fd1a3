import type { Problem } from "../base/fault.ts";
import { parseGoDuration } from "../base/go-duration.ts";
import { parseQuantity, QUANTITY_SYNTAX } from "../model/quantity.ts";
import { DURATION_SYNTAX } from "./codecs-scalar.ts";
import { hint } from "./suggest.ts";
import type { KubeletConfiguration } from "./table.ts";

const SIGNALS: readonly string[] = [
  "memory.available",
  "allocatableMemory.available",
  ...["nodefs", "imagefs", "containerfs"].flatMap((fs) => [`${fs}.available`, `${fs}.inodesFree`]),
  "pid.available",
];

/** Rules of eviction thresholds, as upstream's eviction manager finds them when it is made. */
export function evictionProblems(kubelet: KubeletConfiguration): Problem[] {
  const graces = kubelet.evictionSoftGracePeriod;
  return [
    ...signalProblems("evictionHard", kubelet.evictionHard, thresholdProblem),
    ...signalProblems("evictionSoft", kubelet.evictionSoft, thresholdProblem),
    ...signalProblems("evictionSoftGracePeriod", graces, graceProblem),
    ...signalProblems("evictionMinimumReclaim", kubelet.evictionMinimumReclaim, reclaimProblem),
    ...Object.entries(kubelet.evictionSoft)
      .filter(([signal, value]) => !Object.hasOwn(graces, signal) && value !== "0%" && value !== "100%")
      .map(([signal]) => ({ field: `evictionSoft.${signal}`, message: `needs evictionSoftGracePeriod.${signal}` })),
  ];
}

function signalProblems(
  field: string,
  map: { readonly [signal: string]: string },
  problemOf: (value: string) => string | undefined,
): Problem[] {
  return Object.entries(map).flatMap(([signal, value]) => {
    const unknown = SIGNALS.includes(signal) ? undefined : `is no known eviction signal${hint(signal, SIGNALS)}`;
    const message = unknown ?? problemOf(value);
    return message === undefined ? [] : [{ field: `${field}.${signal}`, message }];
  });
}

function thresholdProblem(value: string): string | undefined {
  if (value.endsWith("%")) {
    const percent = percentOf(value);
    return percent >= 0 && percent <= 100 ? undefined : `must be a percentage from 0% to 100%, got "${value}"`;
  }
  const amount = parseQuantity(value);
  if (!amount) return `${QUANTITY_SYNTAX}, or a percentage, got "${value}"`;
  return amount.nano > 0n ? undefined : `must be more than zero, got "${value}"`;
}

function reclaimProblem(value: string): string | undefined {
  if (value.endsWith("%")) return percentOf(value) > 0 ? undefined : `must be a percentage above 0%, got "${value}"`;
  const amount = parseQuantity(value);
  if (!amount) return `${QUANTITY_SYNTAX}, or a percentage, got "${value}"`;
  return amount.nano >= 0n ? undefined : `must not be negative, got "${value}"`;
}

function graceProblem(value: string): string | undefined {
  const nanos = parseGoDuration(value);
  if (nanos === undefined) return `must be ${DURATION_SYNTAX}, got "${value}"`;
  return nanos >= 0n ? undefined : `must not be negative, got "${value}"`;
}

/** NaN when it is no number. */
function percentOf(value: string): number {
  const digits = value.replace(/%+$/, "");
  return digits.trim() === "" ? Number.NaN : Number(digits);
}
