import type { Problem } from "../base/fault.ts";
import { isRecord } from "../base/record.ts";
import type { Pod } from "./kubernetes.ts";
import { nearest } from "./nearest.ts";
import { POD_SCHEMA } from "./pod-schema.ts";
import { canonicalQuantity, QUANTITY_SYNTAX } from "./quantity.ts";

/** A decoded object, or everything that kept it from being one. Unknown fields never do; they are named beside it. */
export type Decoded<T> =
  | { readonly kind: "decoded"; readonly value: T; readonly unknownFields: readonly Problem[] }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

const INT32_MAX = 2 ** 31 - 1;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** One v1 Pod out of parsed YAML or JSON. Structure only: types, ranges, syntax of quantities; meaning is for validatePod. */
export const decodePod = (value: unknown): Decoded<Pod> => decodeRoot(value, "Pod") as Decoded<Pod>;

/** The pods of a v1 PodList. A problem in one makes the list invalid. */
export function decodePodList(value: unknown): Decoded<readonly Pod[]> {
  const list = decodeRoot(value, "PodList");
  if (list.kind === "invalid") return list;
  const { items } = list.value as { readonly items: readonly Pod[] };
  return { ...list, value: items.map((pod) => ({ ...pod, apiVersion: "v1", kind: "Pod" })) };
}

function decodeRoot(value: unknown, kind: "Pod" | "PodList"): Decoded<unknown> {
  const collected: Collected = { problems: [], unknownFields: [] };
  if (!isRecord(value))
    return {
      kind: "invalid",
      problems: [{ field: "", message: `must be an object of kind ${kind}, is ${nameType(value)}` }],
    };
  const { problems } = collected;
  if (value.apiVersion !== "v1")
    problems.push({ field: "apiVersion", message: `must be "v1", is ${show(value.apiVersion)}` });
  if (value.kind !== kind) problems.push({ field: "kind", message: `must be "${kind}", is ${show(value.kind)}` });
  if (problems.length > 0) return { kind: "invalid", problems };
  const decoded = decodeObject(value, kind, "", collected);
  if (problems.length > 0) return { kind: "invalid", problems };
  return { kind: "decoded", value: decoded, unknownFields: collected.unknownFields };
}

interface Collected {
  readonly problems: Problem[];
  readonly unknownFields: Problem[];
}

function decodeObject(value: unknown, type: string, path: string, to: Collected): unknown {
  const fields = POD_SCHEMA[type];
  if (!fields) throw new TypeError(`No type ${type} in the field table`);
  if (!isRecord(value)) return wrong(to, path, "an object", value);
  const entries: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const code = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const at = path === "" ? name : `${path}.${name}`;
    if (code === undefined)
      to.unknownFields.push({ field: at, message: unknownField(type, name, Object.keys(fields)) });
    else if (member !== null && member !== undefined) entries.push([name, decodeValue(member, bare(code), at, to)]);
  }
  const present = new Set(entries.map(([name]) => name));
  for (const [name, code] of Object.entries(fields))
    if (code.endsWith("!") && !present.has(name)) entries.push([name, zeroOf(bare(code))]);
  return Object.fromEntries(entries);
}

function decodeValue(value: unknown, code: string, path: string, to: Collected): unknown {
  if (code.startsWith("[]")) {
    if (!Array.isArray(value)) return wrong(to, path, "a list", value);
    return value.map((member, index) => decodeValue(member, code.slice(2), `${path}[${index}]`, to));
  }
  if (code.startsWith("{}")) return decodeMap(value, code.slice(2), path, to);
  return code.length === 1 ? decodeScalar(value, code, path, to) : decodeObject(value, code, path, to);
}

function decodeMap(value: unknown, code: string, path: string, to: Collected): unknown {
  if (!isRecord(value)) return wrong(to, path, "an object", value);
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const at = `${path}[${key}]`;
      // As in Go, a key without value (`app:`) has the empty value.
      return [key, member === null ? zeroOf(code) : decodeValue(member, code, at, to)];
    }),
  );
}

function decodeScalar(value: unknown, code: string, path: string, to: Collected): unknown {
  switch (code) {
    case "s":
      return typeof value === "string" ? value : wrong(to, path, "a string", value);
    case "b":
      return typeof value === "boolean" ? value : wrong(to, path, "true or false", value);
    case "i":
      return isInteger(value, INT32_MAX) ? value : wrong(to, path, "a whole number of 32 bits", value);
    case "l":
      return isInt64(value) ? held(value) : wrong(to, path, "a whole number of 64 bits", value);
    case "x":
      return typeof value === "string" || isInteger(value, INT32_MAX)
        ? value
        : wrong(to, path, "a whole number of 32 bits or a string", value);
    case "q":
      return decodeQuantity(value, path, to);
    case "t":
      return typeof value === "string" && RFC3339.test(value) && !Number.isNaN(Date.parse(value))
        ? value
        : wrong(to, path, "a time like 2006-01-02T15:04:05Z", value);
    case "y":
      return typeof value === "string" && BASE64.test(value) ? value : wrong(to, path, "base64 text", value);
    case "a":
      return value;
    default:
      throw new TypeError(`Unknown code ${code} in the field table`);
  }
}

function decodeQuantity(value: unknown, path: string, to: Collected): unknown {
  const text = typeof value === "number" ? String(value) : value;
  const canonical = typeof text === "string" ? canonicalQuantity(text) : undefined;
  if (canonical !== undefined) return canonical;
  to.problems.push({ field: path, message: `${QUANTITY_SYNTAX}, is ${show(value)}` });
  return undefined;
}

function zeroOf(code: string): unknown {
  if (code.startsWith("[]")) return [];
  if (code.startsWith("{}") || code === "a") return {};
  switch (code) {
    case "s":
    case "y":
    case "t":
      return "";
    case "b":
      return false;
    case "i":
    case "l":
    case "x":
      return 0;
    case "q":
      return "0";
    default:
      return decodeObject({}, code, "", { problems: [], unknownFields: [] });
  }
}

const bare = (code: string): string => (code.endsWith("!") ? code.slice(0, -1) : code);

const isInteger = (value: unknown, max: number): value is number =>
  typeof value === "number" &&
  Number.isInteger(value) &&
  value <= max &&
  value >= -max - 1 &&
  Number.isSafeInteger(value);

const isInt64 = (value: unknown): value is number => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63;

/** JSON gives what is beyond 2^53 inexactly. Such a number stands for "without end", and a smaller one does as well. */
const held = (value: number): number => Math.max(-Number.MAX_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER));

function wrong(to: Collected, field: string, want: string, value: unknown): undefined {
  to.problems.push({
    field,
    message: `must be ${want}, is ${show(value)}${want === "a string" ? quoteHint(value) : ""}`,
  });
}

function quoteHint(value: unknown): string {
  if (typeof value === "number") return `: write "${value}" in quotes`;
  if (typeof value !== "boolean") return "";
  return `: write it in quotes (${value ? "y, yes, on and true" : "n, no, off and false"} are no strings in YAML)`;
}

function unknownField(type: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return `is not a field of ${type} and has no effect${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

/** A value in an error message: scalars as they are, cut where long, others by their type. */
function show(value: unknown): string {
  if (value === undefined) return "absent";
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : nameType(value);
}

function nameType(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
