import type { PatchKind } from "../ports/kube-api.ts";
import { refused } from "./kube-api-faults.ts";

type Json = null | boolean | number | string | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [name: string]: Json;
}

/**
 * Lists that a strategic merge patch merges, by field, and the key of their elements; "" where they hold plain values. All others are replaced.
 * https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/api/core/v1/types.go (`patchStrategy`, `patchMergeKey`)
 */
const MERGED: { readonly [field: string]: string } = {
  conditions: "type",
  addresses: "type",
  podIPs: "ip",
  hostIPs: "ip",
  resourceClaimStatuses: "name",
  ownerReferences: "uid",
  finalizers: "",
  podCIDRs: "",
  containers: "name",
  initContainers: "name",
  ephemeralContainers: "name",
  volumes: "name",
  imagePullSecrets: "name",
  env: "name",
  volumeMounts: "mountPath",
};

const ORDER = "$setElementOrder/";
const REMOVE = "$deleteFromPrimitiveList/";

/** The object with the patch applied, as the API server reads each kind of patch. Neither argument is changed. */
export function patched(object: unknown, kind: PatchKind, patch: unknown): unknown {
  if (kind === "json") return jsonPatched(object as Json, patch);
  if (!isObject(patch as Json)) throw refused(400, "BadRequest", "the patch is no JSON object");
  const merge = kind === "merge" ? merged : strategic;
  return merge(object as JsonObject, patch as JsonObject);
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** RFC 7386. */
function merged(object: JsonObject, patch: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...object };
  for (const [name, value] of Object.entries(patch)) {
    const old = result[name];
    if (value === null) delete result[name];
    else result[name] = isObject(value) ? merged(isObject(old) ? old : {}, value) : value;
  }
  return result;
}

function strategic(object: JsonObject, patch: JsonObject): JsonObject {
  const { $patch: directive, $retainKeys: kept, ...rest } = patch;
  if (directive === "delete") return {};
  if (directive === "replace") return rest;
  const result: Record<string, Json> = { ...object };
  if (isList(kept)) for (const name of Object.keys(result)) if (!kept.includes(name)) delete result[name];
  for (const [name, value] of Object.entries(rest)) {
    const old = result[name];
    if (name.startsWith(REMOVE)) {
      const field = name.slice(REMOVE.length);
      const list = result[field];
      if (isList(list) && isList(value)) result[field] = list.filter((item) => !value.includes(item));
    } else if (name.startsWith(ORDER)) continue;
    else if (value === null) delete result[name];
    else if (isObject(value)) result[name] = strategic(isObject(old) ? old : {}, value);
    else if (isList(value)) result[name] = listOf(name, isList(old) ? old : [], value);
    else result[name] = value;
  }
  for (const [name, order] of Object.entries(rest)) {
    if (!name.startsWith(ORDER)) continue;
    const field = name.slice(ORDER.length);
    const list = result[field];
    if (isList(list) && isList(order)) result[field] = ordered(field, list, order);
  }
  return result;
}

function listOf(field: string, old: readonly Json[], patch: readonly Json[]): readonly Json[] {
  const key = MERGED[field];
  if (key === undefined) return patch;
  if (patch.some((item) => isObject(item) && item.$patch === "replace")) {
    return patch.filter((item) => !isObject(item) || item.$patch !== "replace");
  }
  if (key === "") return [...old, ...patch.filter((item) => !old.includes(item))];
  const result = [...old];
  for (const item of patch) {
    if (!isObject(item) || item[key] === undefined) {
      throw refused(400, "BadRequest", `map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const place = result.findIndex((other) => isObject(other) && other[key] === item[key]);
    const before = result[place];
    if (item.$patch === "delete") {
      if (place >= 0) result.splice(place, 1);
    } else if (isObject(before)) result[place] = strategic(before, item);
    else result.push(strategic({}, item));
  }
  return result;
}

/** Elements in the order the patch asks for; those it does not name keep their place behind the one they stood behind. */
function ordered(field: string, list: readonly Json[], order: readonly Json[]): readonly Json[] {
  const key = MERGED[field] ?? "";
  const keyOf = (item: Json): Json | undefined => (key === "" || !isObject(item) ? item : item[key]);
  const wanted = order.map(keyOf);
  const named = list
    .filter((item) => wanted.includes(keyOf(item) ?? null))
    .sort((a, b) => wanted.indexOf(keyOf(a) ?? null) - wanted.indexOf(keyOf(b) ?? null));
  return list.map((item) => (wanted.includes(keyOf(item) ?? null) ? (named.shift() ?? item) : item));
}

/** RFC 6902: add, remove, replace, test. */
function jsonPatched(object: Json, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw refused(400, "BadRequest", "a JSON patch is a list");
  const result = structuredClone(object) as Json;
  for (const { op, path, value } of patch as { op: string; path: string; value: Json }[]) {
    const names = path
      .split("/")
      .slice(1)
      .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = names.pop() ?? "";
    let place = result as unknown as Record<string, Json> | Json[];
    for (const name of names) {
      const next = (place as Record<string, Json>)[name];
      if (!isObject(next) && !isList(next)) throw refused(422, "Invalid", `the path ${path} does not exist`);
      place = next as Record<string, Json> | Json[];
    }
    applyJson(place, { op, path, last, value });
  }
  return result;
}

function applyJson(
  place: Record<string, Json> | Json[],
  { op, path, last, value }: { op: string; path: string; last: string; value: Json },
): void {
  const old = (place as Record<string, Json>)[last];
  if (op === "test") {
    if (JSON.stringify(old) !== JSON.stringify(value)) throw refused(422, "Invalid", `testing ${path} failed`);
  } else if (op === "add" || op === "replace") {
    if (op === "replace" && old === undefined) throw refused(422, "Invalid", `the path ${path} does not exist`);
    if (Array.isArray(place) && op === "add") place.splice(last === "-" ? place.length : Number(last), 0, value);
    else (place as Record<string, Json>)[last] = value;
  } else if (op === "remove") {
    if (old === undefined) throw refused(422, "Invalid", `the path ${path} does not exist`);
    if (Array.isArray(place)) place.splice(Number(last), 1);
    else delete place[last];
  } else throw refused(400, "BadRequest", `the simulation knows no JSON patch operation "${op}"`);
}
