import { bytesText, parseQuantity } from "./quantity.ts";

/** A threshold as an amount: a percentage is one of the capacity. "0%" and "100%" turn a signal off. */
export function thresholdQuantity(threshold: string, capacity: number): string {
  if (threshold === "0%" || threshold === "100%") return "0";
  if (!threshold.endsWith("%")) return parseQuantity(threshold) ? threshold : "0";
  // Upstream keeps the fraction in 32 bits, and what comes of it is seen in allocatable.
  const fraction = Math.fround(Math.fround(Number(threshold.replace(/%+$/, ""))) / 100);
  return bytesText(Math.trunc(capacity * fraction));
}
