import type { Json } from "./json.ts";

/** Where a decoder puts what it does not like. */
export interface Report {
  /** The value at `field` cannot be used. */
  wrong(field: string, message: string): void;
  /** `field` is no field here; `known` are the names that are. */
  unknown(field: string, known: readonly string[]): void;
}

/** What one use of a flag makes of the value, or why it cannot. */
export type FlagRead = { readonly value: Json } | { readonly problem: string };

/** One type of option: how it is read from a file, from a flag, and what the rest of the kubelet gets to see. */
export interface Codec<T> {
  /** As `--help` names it. */
  readonly type: string;
  /** Checks a value from a file and returns its canonical JSON; undefined after a report. */
  read(json: Json, field: string, report: Report): Json | undefined;
  /** The typed value of canonical JSON. */
  typed(json: Json): T;
  /**
   * One use of the flag. `held` is what earlier uses on the same command line made, undefined at the first: the first use of a list
   * or map drops the default.
   */
  flag(text: string, held: Json | undefined): FlagRead;
  /** Value of a flag that is given without one; absent: the next argument is the value. */
  readonly bare?: string;
  /** True for what Go calls the zero value. */
  isZero(json: Json): boolean;
  /** What is wrong with a value of this type wherever it stands. */
  check?(value: T): string | undefined;
}

/** What is wrong with `json` for someone who expected `wanted`. */
export function expected(wanted: string, json: Json): string {
  const shown = JSON.stringify(json) ?? "nothing";
  return `must be ${wanted}, got ${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown}`;
}
