import type { Problem } from "../base/fault.ts";
import { type JsonObject, valueAt } from "./json.ts";
import type { Judged } from "./judged.ts";
import type { OptionTable } from "./option.ts";
import { FIELDS, FLAG_OPTIONS } from "./table.ts";
import { evictionProblems } from "./validate-eviction.ts";
import { loggingProblems, periodProblems, podProblems } from "./validate-fields.ts";
import { resourceProblems } from "./validate-resources.ts";

/** Everything wrong with a whole configuration: each option's own rule, then the rules between options. */
export function validate(doc: JsonObject, flags: JsonObject, judged: Judged): readonly Problem[] {
  return [
    ...optionProblems(FIELDS, doc, (path) => path),
    ...optionProblems(FLAG_OPTIONS, flags, (key) => `--${FLAG_OPTIONS[key]?.flag}`),
    ...periodProblems(judged),
    ...podProblems(judged),
    ...loggingProblems(judged),
    ...resourceProblems(judged),
    ...evictionProblems(judged.kubelet),
  ];
}

function optionProblems(table: OptionTable, doc: JsonObject, name: (path: string) => string): Problem[] {
  return Object.entries(table).flatMap(([path, option]) => {
    const json = valueAt(doc, path);
    if (json === undefined) return [];
    const value = option.codec.typed(json);
    const message = option.codec.check?.(value) ?? option.check?.(value);
    return message === undefined ? [] : [{ field: name(path), message }];
  });
}
