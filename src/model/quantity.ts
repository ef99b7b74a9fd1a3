/**
 * Kubernetes quantities: `1`, `0.5`, `100m`, `64Mi`, `1.5Gi`, `2e3`. Exact, in steps of 10⁻⁹ of a unit; finer fractions round away
 * from zero and amounts past ±(2⁶³-1) units stop there, as in the API server.
 */
export interface Amount {
  readonly nano: bigint;
  /** How the amount was written, which decides how it is written again. */
  readonly format: "decimal" | "binary" | "exponent";
}

const NANO_DIGITS = 9;
const NANO = 10n ** 9n;
const MAX_NANO = (2n ** 63n - 1n) * NANO;
const DECIMAL_SUFFIXES: readonly string[] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY_SUFFIXES: readonly string[] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const SYNTAX = /^([+-]?)(\d*)(?:\.(\d*))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+|)$/;
/** Longest text that is looked at: a quantity needs no more, and big numbers cost time. */
const MAX_LENGTH = 128;

/** What a person is told who wrote something else. */
export const QUANTITY_SYNTAX =
  'must be a quantity like "2", "100m" or "1.5Gi" (suffixes: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent like e3)';

/** undefined when `text` is not a quantity. */
export function parseQuantity(text: string): Amount | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const match = SYNTAX.exec(text);
  if (!match) return undefined;
  const [, sign = "", whole = "", fraction = "", suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const binary = BINARY_SUFFIXES.indexOf(suffix, 1);
  const exponent = binary > 0 ? 0 : decimalExponent(suffix);
  if (exponent === undefined) return undefined;
  const digits = BigInt(whole + fraction) * (binary > 0 ? 1024n ** BigInt(binary) : 1n);
  const nano = scaleUp(digits, exponent - fraction.length + NANO_DIGITS);
  const capped = nano > MAX_NANO ? MAX_NANO : nano;
  return {
    nano: sign === "-" ? -capped : capped,
    format: binary > 0 ? "binary" : /^[eE][+-]?\d/.test(suffix) ? "exponent" : "decimal",
  };
}

/** The one text that Kubernetes writes for the amount: no fraction, the largest suffix that fits. */
export function formatQuantity(amount: Amount): string {
  const { nano, format } = amount;
  if (format === "binary" && nano % NANO === 0n && abs(nano) >= 1024n * NANO) return binaryText(nano / NANO);
  return decimalText(nano, format === "exponent");
}

/** Canonical text of a quantity; undefined when `text` is none. */
export function canonicalQuantity(text: string): string | undefined {
  const amount = parseQuantity(text);
  return amount && formatQuantity(amount);
}

/** Whole units (bytes, inodes, pods), rounded up and held within the safe integers. A bad text counts 0: decoding has refused it before. */
export const quantityUnits = (text: string | undefined): number => roundedUp(text, NANO);

/** Thousandths (millicores), rounded up and held within the safe integers. A bad text counts 0. */
export const quantityMillis = (text: string | undefined): number => roundedUp(text, NANO / 1000n);

/** Negative, 0 or positive, as `a` is less than, equal to or more than `b`. Bad texts count 0. */
export function compareQuantities(a: string, b: string): number {
  const difference = nanoOf(a) - nanoOf(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sum, in the format of `a` unless `a` is zero. */
export function addQuantities(a: string, b: string): string {
  const first = parseQuantity(a);
  const second = parseQuantity(b);
  if (!first || !second) return first ? a : b;
  const sum = first.nano + second.nano;
  const nano = sum > MAX_NANO ? MAX_NANO : sum < -MAX_NANO ? -MAX_NANO : sum;
  return formatQuantity({ nano, format: first.nano === 0n ? second.format : first.format });
}

/** What is left of `a` without `b`, never below nothing; in the format of `a` unless `a` is zero. Bad texts count 0. */
export function subtractQuantities(a: string, b: string): string {
  const first = parseQuantity(a) ?? { nano: 0n, format: "decimal" };
  const second = parseQuantity(b) ?? { nano: 0n, format: "decimal" };
  const nano = first.nano > second.nano ? first.nano - second.nano : 0n;
  return formatQuantity({ nano, format: first.nano === 0n ? second.format : first.format });
}

export const maxQuantity = (a: string, b: string): string => (compareQuantities(a, b) >= 0 ? a : b);

/** Rounds away from zero to thousandths of a unit, as the API server does with resource lists. */
export function roundToMillis(text: string): string {
  const amount = parseQuantity(text);
  if (!amount) return text;
  const step = NANO / 1000n;
  const whole = ceilDivide(abs(amount.nano), step) * step;
  return formatQuantity({ nano: amount.nano < 0n ? -whole : whole, format: amount.format });
}

/** Text for a whole number of bytes, in powers of 1024 where that is exact. */
export const bytesText = (units: number): string => formatQuantity({ nano: BigInt(units) * NANO, format: "binary" });

/** Text for a whole number of anything, in powers of 1000 where that is exact. */
export const unitsText = (units: number): string => formatQuantity({ nano: BigInt(units) * NANO, format: "decimal" });

/** Text for thousandths of a unit, as for millicores. */
export const millisText = (thousandths: number): string =>
  formatQuantity({ nano: (BigInt(thousandths) * NANO) / 1000n, format: "decimal" });

function decimalExponent(suffix: string): number | undefined {
  const index = DECIMAL_SUFFIXES.indexOf(suffix);
  if (index >= 0) return (index - 3) * 3;
  const exponent = Number(suffix.slice(1));
  return Number.isSafeInteger(exponent) ? exponent : undefined;
}

/** `digits` × 10^`power`, rounded up; huge powers stop at the cap, tiny ones at one step. */
function scaleUp(digits: bigint, power: number): bigint {
  if (digits === 0n) return 0n;
  if (power > 40) return MAX_NANO;
  if (power >= 0) return digits * 10n ** BigInt(power);
  if (-power > 2 * MAX_LENGTH) return 1n;
  return ceilDivide(digits, 10n ** BigInt(-power));
}

function binaryText(units: bigint): string {
  let rest = units;
  let index = 0;
  while (index < BINARY_SUFFIXES.length - 1 && rest % 1024n === 0n) {
    rest /= 1024n;
    index++;
  }
  return `${rest}${BINARY_SUFFIXES[index]}`;
}

function decimalText(nano: bigint, asExponent: boolean): string {
  if (nano === 0n) return "0";
  let rest = nano;
  let index = 0;
  while (index < DECIMAL_SUFFIXES.length - 1 && rest % 1000n === 0n) {
    rest /= 1000n;
    index++;
  }
  const exponent = (index - 3) * 3;
  if (!asExponent) return `${rest}${DECIMAL_SUFFIXES[index]}`;
  return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
}

function roundedUp(text: string | undefined, step: bigint): number {
  const nano = text === undefined ? 0n : nanoOf(text);
  // BigInt division cuts towards zero, which for negative amounts is already up.
  const whole = nano > 0n ? ceilDivide(nano, step) : nano / step;
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(whole > limit ? limit : whole < -limit ? -limit : whole);
}

const nanoOf = (text: string): bigint => parseQuantity(text)?.nano ?? 0n;
const abs = (value: bigint): bigint => (value < 0n ? -value : value);
const ceilDivide = (value: bigint, by: bigint): bigint => (value + by - 1n) / by;
