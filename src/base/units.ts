declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Whole bytes, 0 to 2^53 - 1. */
export type Bytes = Unit<"bytes">;
/** Span of time in milliseconds, >= 0, may have a fraction. */
export type Millis = Unit<"millis">;
/** Point on the monotonic clock in milliseconds; compare and subtract, never print as a date. */
export type Instant = Unit<"instant">;

export const bytes = (value: number): Bytes => whole(value, "bytes") as Bytes;
export const millis = (value: number): Millis => positive(value, "millis") as Millis;
export const seconds = (value: number): Millis => millis(value * 1000);
export const instant = (value: number): Instant => positive(value, "instant") as Instant;

export const after = (start: Instant, span: Millis): Instant => instant(start + span);
export const earliest = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined || b === undefined ? (a ?? b) : a < b ? a : b;
/** Time left until `end`, 0 when it has passed. */
export const until = (now: Instant, end: Instant): Millis => millis(Math.max(0, end - now));

function whole(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`Cannot make ${name}: need a whole number >= 0, got ${value}`);
}

function positive(value: number, name: string): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`Cannot make ${name}: need a finite number >= 0, got ${value}`);
}
