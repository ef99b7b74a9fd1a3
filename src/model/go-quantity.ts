/**
 * A quantity as Go's `resource.Quantity` holds it in memory. The UID of a static pod is a digest of that memory, so `1` and `1000m`
 * must not be the same here. Rules: ParseQuantity and RoundUp in apimachinery's pkg/api/resource/quantity.go of v1.37.
 */
export interface GoQuantity {
  readonly i: { readonly value: bigint; readonly scale: number };
  /** Only where 64 bits, or powers of ten, are not enough. */
  readonly d: { readonly Dec?: GoDecimal };
  /** The text as written, where it is already the one that Go would write. */
  readonly s: string;
  readonly Format: string;
}

interface GoDecimal {
  /** `abs` has 64 bits in each word, lowest first; nil for zero. */
  readonly unscaled: { readonly neg: boolean; readonly abs: readonly bigint[] | undefined };
  readonly scale: number;
}

/** `unscaled` × 10^-`scale`. */
interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

const SYNTAX = /^([+-]?)0*(\d*)(?:\.(\d*))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+|)$/;
const DECIMAL_EXPONENTS: { readonly [suffix: string]: number } = {
  ...{ n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 },
};
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/** Digits that always fit into 64 bits. */
const SAFE_DIGITS = 18;
const SAFE_BINARY_DIGITS = 15;
const INT64_MAX = 2n ** 63n - 1n;
const NANO = 9;
const MILLI = 3;
/** Beyond this no machine has as much of anything, and powers of ten take long. */
const MAX_EXPONENT = 1000;
const NO_INT = { value: 0n, scale: 0 };

/**
 * @param text a quantity as it was written in the manifest
 * @param inList whether it stands in a resource list, whose members are rounded up to thousandths
 * @returns undefined for what is no quantity, or absurdly large or small
 */
export function goQuantity(text: string, inList: boolean): GoQuantity | undefined {
  if (text === "0") return { i: NO_INT, d: {}, s: "0", Format: "DecimalSI" };
  const match = SYNTAX.exec(text);
  if (!match) return undefined;
  const [, sign = "", digits = "", fraction = "", suffix = ""] = match;
  const whole = digits || "0";
  const negative = sign === "-";
  const power = BINARY_SUFFIXES.indexOf(suffix, 1) * 10;
  if (power > 0) {
    const room = SAFE_BINARY_DIGITS - whole.length - Math.floor((power * 3) / 10) - 1;
    if (room >= 0 && fraction === "") {
      const value = BigInt(whole);
      const s = value % 8n === 0n ? "" : text;
      return int(signed(value << BigInt(power), negative), 0, s, "BinarySI", inList);
    }
    return binaryDecimal(
      { unscaled: BigInt(whole + fraction) << BigInt(power), scale: fraction.length },
      negative,
      inList,
    );
  }
  const exponent = DECIMAL_EXPONENTS[suffix] ?? Number(suffix.slice(1));
  if (Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const format = suffix.length > 1 ? "DecimalExponent" : "DecimalSI";
  const shifted = whole + fraction;
  const scale = exponent - fraction.length;
  if (shifted.length <= SAFE_DIGITS && scale >= -NANO) {
    const canonical = scale % 3 === 0 && !shifted.endsWith("000") && !shifted.startsWith("0");
    return int(signed(BigInt(shifted), negative), scale, canonical ? text : "", format, inList);
  }
  const exact = { unscaled: BigInt(shifted), scale: -scale };
  return decimal(exact.unscaled === 0n ? exact : roundedUp(exact, NANO), negative, format, inList);
}

function int(value: bigint, scale: number, s: string, Format: string, inList: boolean): GoQuantity {
  if (!inList || scale >= -MILLI) return { i: { value, scale }, d: {}, s, Format };
  const whole = roundedUp({ unscaled: value < 0n ? -value : value, scale: -scale }, MILLI).unscaled;
  return { i: { value: signed(whole, value < 0n), scale: -MILLI }, d: {}, s: "", Format };
}

function binaryDecimal(exact: Decimal, negative: boolean, inList: boolean): GoQuantity {
  if (exact.unscaled === 0n) return decimal(exact, negative, "BinarySI", inList);
  const nano = roundedUp(exact, NANO);
  const one = 10n ** BigInt(NANO);
  const capped = nano.unscaled > INT64_MAX * one ? { unscaled: INT64_MAX, scale: 0 } : nano;
  return decimal(capped, negative, nano.unscaled < one ? "DecimalSI" : "BinarySI", inList);
}

function decimal(exact: Decimal, negative: boolean, Format: string, inList: boolean): GoQuantity {
  const { unscaled, scale } = inList ? roundedUp(exact, MILLI) : exact;
  const neg = negative && unscaled !== 0n;
  return { i: NO_INT, d: { Dec: { unscaled: { neg, abs: wordsOf(unscaled) }, scale } }, s: "", Format };
}

/** With exactly `scale` decimal places. */
function roundedUp({ unscaled, scale: from }: Decimal, scale: number): Decimal {
  if (scale >= from) return { unscaled: unscaled * 10n ** BigInt(scale - from), scale };
  const step = 10n ** BigInt(from - scale);
  return { unscaled: (unscaled + step - 1n) / step, scale };
}

function wordsOf(value: bigint): readonly bigint[] | undefined {
  if (value === 0n) return undefined;
  const words: bigint[] = [];
  for (let rest = value; rest > 0n; rest >>= 64n) words.push(rest & (2n ** 64n - 1n));
  return words;
}

const signed = (value: bigint, negative: boolean): bigint => (negative ? -value : value);
