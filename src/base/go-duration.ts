import type { Millis } from "./units.ts";

/** Nanoseconds per unit, with the spellings that Go's time.ParseDuration accepts. */
const UNITS: { readonly [unit: string]: bigint } = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n, // micro sign
  "\u03bcs": 1_000n, // Greek mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX = 2n ** 63n - 1n;

/**
 * Reads a Go duration ("1h15m30.5s", "-1.5h", "0") as nanoseconds, exactly as Go does: what is finer than a nanosecond is cut off.
 * Returns undefined when the text is not one, or leaves the range of 64 bits.
 */
export function parseGoDuration(text: string): bigint | undefined {
  const negative = text.startsWith("-");
  const body = /^[-+]/.test(text) ? text.slice(1) : text;
  if (body === "0") return 0n;
  const part = /(\d*)(?:\.(\d*))?([^\d.]+)/y;
  let total = 0n;
  let at = 0;
  while (at < body.length) {
    part.lastIndex = at;
    const [whole, digits = "", fraction = "", unit = ""] = part.exec(body) ?? [];
    const size = UNITS[unit];
    if (whole === undefined || size === undefined || (digits === "" && fraction === "")) return undefined;
    total += BigInt(digits === "" ? "0" : digits) * size + fractionOf(fraction, size);
    at += whole.length;
  }
  if (body === "" || total > (negative ? MAX + 1n : MAX)) return undefined;
  return negative ? -total : total;
}

/** Writes nanoseconds as Go's Duration.String does: "1m0s", "100ms", "1.5µs", "0s". */
export function formatGoDuration(nanos: bigint): string {
  if (nanos === 0n) return "0s";
  const sign = nanos < 0n ? "-" : "";
  const size = nanos < 0n ? -nanos : nanos;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 1_000_000n)}ms`;
  const minutes = size / 60_000_000_000n;
  const seconds = `${decimal(size % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

/** The same for a span; what is finer than a millisecond is cut off. */
export const goDuration = (span: Millis): string => formatGoDuration(BigInt(Math.floor(span)) * 1_000_000n);

function fractionOf(digits: string, size: bigint): bigint {
  return digits === "" ? 0n : (BigInt(digits) * size) / 10n ** BigInt(digits.length);
}

function decimal(value: bigint, unit: bigint): string {
  const width = unit.toString().length - 1;
  const fraction = (value % unit).toString().padStart(width, "0").replace(/0+$/, "");
  return fraction === "" ? `${value / unit}` : `${value / unit}.${fraction}`;
}
