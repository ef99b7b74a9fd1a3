import { isObject, type JsonObject, valueAt, withValue } from "./json.ts";
import type { KubeletConfig } from "./kubelet-config.ts";
import type { Option } from "./option.ts";
import { API_VERSION, KIND } from "./shape.ts";
import { FIELDS } from "./table.ts";

/** What secrets are shown as. */
export const MASK = "<masked>";

/**
 * KubeletConfiguration v1beta1 as `/configz` serves it: durations are Go's text, empty fields are left out. Header values are secrets:
 * `masked` hides them, as the start-up log does and `/configz` does not.
 */
export function toVersioned(config: Pick<KubeletConfig, "fields">, { masked = false } = {}): JsonObject {
  let doc: JsonObject = { kind: KIND, apiVersion: API_VERSION };
  for (const [path, option] of Object.entries(FIELDS)) {
    const value = valueAt(config.fields, path);
    if (value === undefined || isLeftOut(option, value)) continue;
    doc = withValue(doc, path, masked && option.secret ? maskValues(value) : value);
  }
  return doc;
}

/** Each value of a map of lists hidden, the names kept. */
export function maskValues(value: JsonObject[string]): JsonObject[string] {
  if (!isObject(value)) return MASK;
  return Object.fromEntries(
    Object.entries(value).map(([name, list]) => [name, Array.isArray(list) ? list.map(() => MASK) : MASK]),
  );
}

function isLeftOut({ codec, fallback }: Option<unknown>, value: JsonObject[string]): boolean {
  if (Array.isArray(value)) return value.length === 0 && Array.isArray(fallback) && fallback.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0;
  return value === "" && codec.isZero(value) && fallback === "";
}
