import { formatGoDuration, parseGoDuration } from "../base/go-duration.ts";
import type { Bytes, Millis } from "../base/units.ts";
import { canonicalQuantity, QUANTITY_SYNTAX, quantityUnits } from "../model/quantity.ts";
import { type Codec, expected, type FlagRead } from "./codec.ts";

const TRUE: readonly string[] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE: readonly string[] = ["0", "f", "F", "FALSE", "false", "False"];
export const DURATION_SYNTAX = 'a duration like "1m30s" (units: ns, us, ms, s, m, h)';

export const bool: Codec<boolean> = {
  type: "bool",
  bare: "true",
  read(json, field, report) {
    if (typeof json === "boolean") return json;
    report.wrong(field, expected("true or false", json));
    return undefined;
  },
  typed: (json) => json === true,
  flag(text) {
    if (TRUE.includes(text)) return { value: true };
    return FALSE.includes(text) ? { value: false } : { problem: expected("true or false", text) };
  },
  isZero: (json) => json === false,
};

export const text: Codec<string> = {
  type: "string",
  read(json, field, report) {
    if (typeof json === "string") return json;
    report.wrong(field, expected("a string (quote it)", json));
    return undefined;
  },
  typed: String,
  flag: (value) => ({ value }),
  isZero: (json) => json === "",
};

export const int32 = integer("int32", -(2 ** 31), 2 ** 31 - 1);
/** Go's int64 as far as a number holds it exactly; the few options of this type stay far below. */
export const int64 = integer("int64", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
/** Log level: uint32 in the file, at most 2³¹-1 in the logger. */
export const level = integer("Level", 0, 2 ** 31 - 1);

export const float: Codec<number> = {
  type: "float64",
  read(json, field, report) {
    if (typeof json === "number" && Number.isFinite(json)) return json;
    report.wrong(field, expected("a number", json));
    return undefined;
  },
  typed: Number,
  flag: (value) =>
    Number.isFinite(Number(value)) ? { value: Number(value) } : { problem: expected("a number", value) },
  isZero: (json) => json === 0,
};

/** Canonical JSON: Go's text for the duration. */
export const duration: Codec<Millis> = {
  type: "duration",
  read(json, field, report) {
    const nanos = typeof json === "string" ? parseGoDuration(json) : undefined;
    if (nanos !== undefined) return formatGoDuration(nanos);
    report.wrong(field, expected(DURATION_SYNTAX, json));
    return undefined;
  },
  typed: (json) => millisOf(String(json)) as Millis,
  flag: (value) => durationFlag(value),
  isZero: (json) => json === "0s",
  check: (value) => (value < 0 ? "must not be negative" : undefined),
};

/** A duration that may also be given as whole nanoseconds (the logging fields). */
export const durationOrNanos: Codec<Millis> = {
  ...duration,
  read: (json, field, report) =>
    typeof json === "number" && Number.isSafeInteger(json)
      ? formatGoDuration(BigInt(json))
      : duration.read(json, field, report),
};

/** A period that a negative duration switches off. */
export const durationOrOff: Codec<Millis | "off"> = {
  type: "duration",
  read: duration.read,
  typed: (json) => (millisOf(String(json)) < 0 ? "off" : duration.typed(json)),
  flag: duration.flag,
  isZero: duration.isZero,
};

/** A quantity that counts bytes, handed on as a number of them. */
export const size: Codec<Bytes> = {
  type: "quantity",
  read(json, field, report) {
    const canonical =
      typeof json === "string" || typeof json === "number" ? canonicalQuantity(String(json)) : undefined;
    if (canonical === undefined) report.wrong(field, QUANTITY_SYNTAX);
    return canonical === undefined ? undefined : String(json);
  },
  typed: (json) => quantityUnits(String(json)) as Bytes,
  flag: (value) => (canonicalQuantity(value) === undefined ? { problem: QUANTITY_SYNTAX } : { value }),
  isZero: (json) => json === "",
  check: (value) => (value < 0 ? "must not be negative" : undefined),
};

/** The same where upstream has a string, which may be empty: not given. */
export const sizeOrUnset: Codec<Bytes> = {
  ...size,
  read: (json, field, report) => (json === "" ? "" : size.read(json, field, report)),
};

/** An IP address; flags refuse anything else, the file takes any text as upstream does and fails when it binds. */
export const ip: Codec<string> = {
  ...text,
  type: "ip",
  flag: (value) => (value === "" || isAddress(value) ? { value } : { problem: expected("an IP address", value) }),
};

/** Go's strconv.ParseInt with base 0: decimal, 0x, 0o, 0b, leading 0 as octal, digits grouped by `_`. */
export function parseGoInt(value: string): number | undefined {
  const [, sign = "", digits = ""] = /^([+-]?)(\w+)$/.exec(value) ?? [];
  if (!/^(0[xX](_?[\da-fA-F])+|0[oO]?(_?[0-7])+|0[bB](_?[01])+|\d(_?\d)*)$/.test(digits)) return undefined;
  if (/^0\d*[89]/.test(digits)) return undefined;
  const plain = digits.replaceAll("_", "").replace(/^0(?=[0-7]+$)/, "0o");
  const number = Number(plain);
  return sign === "-" && number !== 0 ? -number : number;
}

function integer(type: string, least: number, most: number): Codec<number> {
  const wanted = `a whole number from ${least} to ${most}`;
  const fits = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
  return {
    type,
    read(json, field, report) {
      if (fits(json)) return json;
      report.wrong(field, expected(wanted, json));
      return undefined;
    },
    typed: Number,
    flag(value) {
      const number = parseGoInt(value);
      return fits(number) ? { value: number } : { problem: expected(wanted, value) };
    },
    isZero: (json) => json === 0,
  };
}

function durationFlag(value: string): FlagRead {
  const nanos = parseGoDuration(value);
  return nanos === undefined ? { problem: expected(DURATION_SYNTAX, value) } : { value: formatGoDuration(nanos) };
}

/** Milliseconds of a Go duration; the nanoseconds behind the comma are kept as far as a number can. */
export const millisOf = (value: string): number => Number(parseGoDuration(value) ?? 0n) / 1e6;

/** Loose on purpose (leading zeros pass), like the parser that upstream uses for flags. */
export function isAddress(value: string): boolean {
  if (/^\d+(\.\d+){3}$/.test(value)) return value.split(".").every((part) => Number(part) <= 255);
  return isIpv6(value);
}

function isIpv6(value: string): boolean {
  if (!/^[\da-fA-F:.]+$/.test(value) || !value.includes(":")) return false;
  const tail = /:(\d+\.\d+\.\d+\.\d+)$/.exec(value)?.[1];
  if (tail !== undefined && !isAddress(tail)) return false;
  const plain = tail === undefined ? value : `${value.slice(0, -tail.length)}0:0`;
  const halves = plain.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const enough = halves.length === 2 ? groups.length <= 7 : groups.length === 8;
  return enough && groups.every((group) => /^[\da-fA-F]{1,4}$/.test(group));
}
