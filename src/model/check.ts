/** Takes one problem of an input: the field's path and what must hold, for `Problem`. */
export type Report = (field: string, message: string) => void;

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const PORT_NAME = /^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/;
/** Anything that can be printed, but `=`. */
const ENV_NAME = /^[ -<>-~]+$/;
const HEADER_NAME = /^[-A-Za-z0-9]+$/;
/** -2^31 is no id, and the highest stand for "no id". */
const ID_MAX = 2 ** 31 - 1;

export const isDnsLabel = (text: string): boolean => text.length <= 63 && DNS_LABEL.test(text);
export const isDnsSubdomain = (text: string): boolean => text.length <= 253 && DNS_SUBDOMAIN.test(text);
export const isLabelValue = (text: string): boolean => text === "" || (text.length <= 63 && QUALIFIED_PART.test(text));

/** `name` or `prefix.example.com/name`: keys of labels and annotations, names of resources. */
export function isQualifiedName(text: string): boolean {
  const parts = text.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2 || name.length > 63 || !QUALIFIED_PART.test(name)) return false;
  return parts.length === 1 || isDnsSubdomain(parts[0] ?? "");
}

export function dnsLabel(report: Report, field: string, value: string): void {
  if (value === "") report(field, "is required");
  else if (!isDnsLabel(value))
    report(
      field,
      `must be at most 63 of a-z, 0-9 and "-", beginning and ending with a letter or digit, is ${quote(value)}`,
    );
}

export function dnsSubdomain(report: Report, field: string, value: string): void {
  if (!isDnsSubdomain(value))
    report(
      field,
      `must be at most 253 of a-z, 0-9, "-" and ".", each part beginning and ending with a letter or digit, is ${quote(value)}`,
    );
}

export function qualifiedName(report: Report, field: string, value: string): void {
  if (!isQualifiedName(value))
    report(
      field,
      `must be a name like "name" or "example.com/name" (at most 63 of letters, digits, "-", "_", "."), is ${quote(value)}`,
    );
}

export function labelValue(report: Report, field: string, value: string): void {
  if (!isLabelValue(value))
    report(
      field,
      `must be at most 63 of letters, digits, "-", "_", ".", beginning and ending with a letter or digit, is ${quote(value)}`,
    );
}

export function envName(report: Report, field: string, value: string): void {
  if (value === "") report(field, "is required");
  else if (!ENV_NAME.test(value)) report(field, `must be printable ASCII without "=", is ${quote(value)}`);
}

export function headerName(report: Report, field: string, value: string): void {
  if (!HEADER_NAME.test(value)) report(field, `must be a header name of letters, digits and "-", is ${quote(value)}`);
}

export function portName(report: Report, field: string, value: string): void {
  if (value.length > 15 || !PORT_NAME.test(value))
    report(field, `must be at most 15 of a-z, 0-9 and single "-", with a letter, is ${quote(value)}`);
}

export function portNumber(report: Report, field: string, value: number): void {
  if (value < 1 || value > 65535) report(field, `must be a port from 1 to 65535, is ${value}`);
}

export function portNumberOrName(report: Report, field: string, value: number | string): void {
  if (typeof value === "number") portNumber(report, field, value);
  else portName(report, field, value);
}

export function oneOf(report: Report, field: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  const choice = allowed.filter((text) => text !== "").map(quote);
  report(field, `must be one of ${choice.join(", ")}, is ${quote(value)}`);
}

export function required(report: Report, field: string, value: string | undefined): void {
  if (value === undefined || value === "") report(field, "is required");
}

export function notNegative(report: Report, field: string, value: number | undefined): void {
  if (value !== undefined && value < 0) report(field, `must be 0 or more, is ${value}`);
}

/** User and group ids. */
export function id(report: Report, field: string, value: number | undefined): void {
  if (value !== undefined && (value < 0 || value > ID_MAX))
    report(field, `must be an id from 0 to ${ID_MAX}, is ${value}`);
}

export function fileMode(report: Report, field: string, value: number | undefined, max = 0o777): void {
  if (value === undefined || (value >= 0 && value <= max)) return;
  report(field, `must be a mode from 0 to 0${max.toString(8)} (octal; ${max} in decimal), is ${value}`);
}

export function noBacksteps(report: Report, field: string, value: string): void {
  if (value.split("/").includes("..")) report(field, `must not contain "..", is ${quote(value)}`);
}

/** Stays below the directory that it is relative to. */
export function descendingPath(report: Report, field: string, value: string): void {
  if (value.startsWith("/")) report(field, `must be a relative path, is ${quote(value)}`);
  noBacksteps(report, field, value);
}

/** Reports every value that came before. `field` is called with the index of the repetition. */
export function unique(report: Report, values: readonly string[], field: (index: number) => string): void {
  const seen = new Set<string>();
  values.forEach((value, index) => {
    if (value !== "" && seen.has(value)) report(field(index), `must be unique, ${quote(value)} was used before`);
    seen.add(value);
  });
}

/** A value in a message, cut where long. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
