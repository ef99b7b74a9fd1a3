import type { Codec } from "./codec.ts";
import type { Json } from "./json.ts";

/** What a row of the table says about one option beside its type and default. */
export interface OptionRow<T> {
  /** Long flag name, absent where upstream has none. */
  readonly flag?: string;
  /** One-letter flag. */
  readonly short?: string;
  /** One line for people: what it does. */
  readonly help: string;
  /** Unit of a bare number. */
  readonly unit?: string;
  /** `yes`: this release acts on it. `not-yet`: accepted and checked, without effect; named in one warning at start when set. */
  readonly effect: "yes" | "not-yet";
  /** Upstream marks the flag as deprecated. Options of the file: true unless said otherwise. */
  readonly deprecated?: boolean;
  /** `unset`: in a file, Go's zero value counts as not given and gets the default. Default: by type, see `zeroIsUnset`. */
  readonly zero?: "unset" | "kept";
  /** Values are shown masked. */
  readonly secret?: boolean;
  /** A path in the `--config` file that is relative to that file's directory. */
  readonly path?: boolean;
  /** The rule in words, for the documentation. */
  readonly rule?: string;
  /** What is wrong with a value, undefined when it may be used. Completes the sentence that begins with the option's name. */
  check?(value: T): string | undefined;
}

/** One option of the kubelet. The type parameter is the type of its value for the rest of the kubelet. */
export interface Option<T> extends OptionRow<T> {
  readonly codec: Codec<T>;
  /** Canonical JSON; undefined: no value unless one is given. */
  readonly fallback: Json | undefined;
}

/** An option with a default. */
export const option = <T>(codec: Codec<T>, fallback: Json, row: OptionRow<T>): Option<T> => ({
  ...row,
  codec,
  fallback,
});

/** An option that has no value unless one is given (a nil pointer in upstream's type). */
export const optional = <T>(codec: Codec<T>, row: OptionRow<T>): Option<T | undefined> => ({
  ...(row as OptionRow<T | undefined>),
  codec: codec as Codec<T | undefined>,
  fallback: undefined,
});

export type OptionTable = { readonly [path: string]: Option<unknown> };

/** Strings and durations of the file are plain Go values, where zero means unset; numbers and booleans mostly are pointers. */
export function zeroIsUnset({ zero, codec }: Option<unknown>): boolean {
  return zero === undefined ? ["string", "ip", "duration"].includes(codec.type) : zero === "unset";
}

type Head<Path> = Path extends `${infer First}.${string}` ? First : Path;
type Tail<Table, First> = {
  [Path in keyof Table as Path extends `${First & string}.${infer Rest}` ? Rest : never]: Table[Path];
};
/** The value type that a table of dotted paths describes. */
export type ValuesOf<Table> = {
  readonly [First in Head<keyof Table> & string]: First extends keyof Table
    ? Table[First] extends { readonly codec: Codec<infer T> }
      ? T
      : never
    : ValuesOf<Tail<Table, First>>;
};
