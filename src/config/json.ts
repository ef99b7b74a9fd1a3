/** What a YAML or JSON document holds once decoded. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Value at a dotted field path, undefined where any step is missing. */
export function valueAt(doc: JsonObject, path: string): Json | undefined {
  let at: Json | undefined = doc;
  for (const step of path.split(".")) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  return at;
}

/** A copy of `doc` with the value at `path` replaced, or with the field gone when `value` is undefined. */
export function withValue(doc: JsonObject, path: string, value: Json | undefined): JsonObject {
  const [step = "", ...rest] = path.split(".");
  const old = doc[step];
  const next = rest.length === 0 ? value : withValue(isObject(old) ? old : {}, rest.join("."), value);
  if (next !== undefined) return { ...doc, [step]: next };
  const { [step]: _gone, ...others } = doc;
  return others;
}

/** Says whether a merge patch speaks of `path`: sets it, removes it, or replaces something that holds it. */
export function touches(patch: JsonObject, path: string): boolean {
  let at: Json = patch;
  for (const step of path.split(".")) {
    if (!isObject(at)) return true;
    const next: Json | undefined = Object.hasOwn(at, step) ? at[step] : undefined;
    if (next === undefined) return false;
    at = next;
  }
  return true;
}

/** JSON merge patch (RFC 7386): objects merge, null removes, everything else replaces. */
export function mergePatch(base: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: { [key: string]: Json } = isObject(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** The document without nulls in objects: what a Go decoder makes of them is an unset field. */
export function withoutNulls(doc: JsonObject): JsonObject {
  const entries = Object.entries(doc).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, isObject(value) ? withoutNulls(value) : value]));
}

/** Freezes a tree of plain objects and lists in place. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
