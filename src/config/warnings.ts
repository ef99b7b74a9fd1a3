import { type JsonObject, valueAt } from "./json.ts";
import { isGiven, type Origin } from "./kubelet-config.ts";
import type { ParsedFlags } from "./parse-flags.ts";
import { FIELDS, FLAG_OPTIONS, FLAGS_BY_NAME } from "./table.ts";

/** At most one warning, which names the deprecated flags on the command line. */
export function flagWarnings(flags: ParsedFlags): string[] {
  const old = [...flags.values]
    .filter(([name]) => FLAGS_BY_NAME.get(name)?.option.deprecated !== false)
    .map(([name]) => `--${name}`);
  return old.length === 0
    ? []
    : [`Deprecated flags, which still work: ${old.join(", ")}; set them in the file that --config names`];
}

/** One warning that names every option that was changed and that this release does not act on. */
export function effectWarnings(
  fields: JsonObject,
  flagFields: JsonObject,
  origins: ReadonlyMap<string, Origin>,
): string[] {
  const idle = (key: string, value: unknown, { effect, fallback }: { effect: string; fallback: unknown }) =>
    effect === "not-yet" && isGiven({ origins }, key) && JSON.stringify(value) !== JSON.stringify(fallback);
  const names = [
    ...Object.entries(FIELDS).flatMap(([path, option]) => (idle(path, valueAt(fields, path), option) ? [path] : [])),
    ...Object.entries(FLAG_OPTIONS).flatMap(([key, option]) =>
      idle(`--${option.flag}`, flagFields[key], option) ? [`--${option.flag}`] : [],
    ),
  ];
  return names.length === 0 ? [] : [`Without effect in this release: ${names.join(", ")}`];
}
