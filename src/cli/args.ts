import { parseArgs } from "node:util";
import { VerbError } from "./io.ts";

interface OptionSpec {
  readonly type: "string" | "boolean";
  readonly short?: string;
}
type Parsed<Options> = {
  readonly [name in keyof Options]: Options[name] extends { readonly type: "string" } ? string | undefined : boolean;
};

const COMMON = { "root-dir": { type: "string" }, help: { type: "boolean", short: "h" } } as const;

/** Reads the options and words of one verb. @throws VerbError */
export function parseVerbArgs<Options extends { readonly [name: string]: OptionSpec }>(
  argv: readonly string[],
  options: Options,
): { readonly options: Parsed<Options & typeof COMMON>; readonly words: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: withNegatives(argv),
      options: { ...COMMON, ...options },
      allowPositionals: true,
      allowNegative: false,
    });
    const given = values as { readonly [name: string]: string | boolean | undefined };
    const all = Object.entries({ ...COMMON, ...options }).map(([name, { type }]) => [
      name,
      given[name] ?? (type === "boolean" ? false : undefined),
    ]);
    return { options: Object.fromEntries(all), words: positionals };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new VerbError(`${error.message.split(". ")[0]}; \`kubelet help\` shows what each verb takes`);
  }
}

/** `--tail -1` is a value, not an option. */
function withNegatives(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of argv) {
    const before = joined.at(-1);
    if (/^-\d+$/.test(arg) && before?.startsWith("--") && !before.includes("="))
      joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** One of `choices`. @throws VerbError */
export function choose<Choice extends string>(
  value: string | undefined,
  choices: readonly Choice[],
  fallback: Choice,
  option: string,
): Choice {
  const found = value === undefined ? fallback : choices.find((choice) => choice === value);
  if (found === undefined)
    throw new VerbError(`Cannot use ${option} ${JSON.stringify(value)}: choose ${choices.join(", ")}`);
  return found;
}

/** A whole number >= 0. @throws VerbError */
export function wholeNumber(value: string | undefined, option: string): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value))
    throw new VerbError(`Cannot use ${option} ${JSON.stringify(value)}: give a whole number, 0 or more`);
  return Number(value);
}

const UNITS: { readonly [unit: string]: number } = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `1h30m`: whole seconds, at least 1. @throws VerbError */
export function spanSeconds(value: string | undefined, option: string): number | undefined {
  if (value === undefined) return undefined;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) {
    throw new VerbError(`Cannot use ${option} ${JSON.stringify(value)}: give a span like 30s, 5m or 1h30m`);
  }
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  return Math.max(
    1,
    Math.round(parts.reduce((sum, [, number, unit = "s"]) => sum + Number(number) * (UNITS[unit] ?? 1), 0)),
  );
}
