import { type Json, type JsonObject, valueAt } from "./json.ts";
import type { OptionTable } from "./option.ts";
import { FIELDS, FLAG_OPTIONS, type KubeletConfiguration, type KubeletFlags } from "./table.ts";

/** Typed values of canonical JSON that has its defaults. */
export const typedFields = (doc: JsonObject): KubeletConfiguration =>
  typedTree(FIELDS, doc) as unknown as KubeletConfiguration;
export const typedFlags = (doc: JsonObject): KubeletFlags => typedTree(FLAG_OPTIONS, doc) as unknown as KubeletFlags;

/** The table's types say what comes out (`ValuesOf`); here they are built from the same rows. */
function typedTree(table: OptionTable, doc: JsonObject): object {
  const root: { [step: string]: unknown } = {};
  for (const [path, { codec }] of Object.entries(table)) {
    const json: Json | undefined = valueAt(doc, path);
    const steps = path.split(".");
    const last = steps.pop() ?? path;
    let at = root;
    for (const step of steps) {
      at[step] ??= {};
      at = at[step] as { [step: string]: unknown };
    }
    at[last] = json === undefined ? undefined : codec.typed(json);
  }
  return root;
}
