import { canonicalQuantity, QUANTITY_SYNTAX } from "../model/quantity.ts";
import { type Codec, expected, type FlagRead, type Report } from "./codec.ts";
import { int32, int64, level, parseGoInt, text } from "./codecs-scalar.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
  readonly timeAdded?: string;
}
export interface MemoryReservation {
  readonly numaNode: number;
  /** Resource name (memory, hugepages-2Mi, …) to quantity. */
  readonly limits: { readonly [resource: string]: string };
}
export interface PriorityGrace {
  readonly priority: number;
  readonly shutdownGracePeriodSeconds: number;
}
export interface ModuleLevel {
  readonly filePattern: string;
  readonly verbosity: number;
}

type FieldReader = (json: Json, field: string, report: Report) => Json | undefined;

/** `key=value:Effect,…`; each use of the flag replaces the list. The file may leave effects out, and say things twice. */
export const taints: Codec<readonly Taint[]> = {
  type: "key=value:Effect,...",
  read: records({ key: text.read, value: text.read, effect: text.read, timeAdded: text.read }),
  typed: (json) =>
    items(json).map(({ key, value, effect, timeAdded }) => ({
      key: String(key ?? ""),
      value: String(value ?? ""),
      effect: String(effect ?? ""),
      ...(timeAdded === undefined ? {} : { timeAdded: String(timeAdded) }),
    })),
  flag(value) {
    const read = collect(value === "" ? [] : value.split(","), parseTaint);
    if ("problem" in read) return read;
    const names = items(read.value).map(({ key, effect }) => `${key}:${effect}`);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    return twice === undefined ? read : { problem: `must hold each key with an effect once, got ${twice} twice` };
  },
  isZero: () => false,
};

/** `0:memory=1Gi,hugepages-2Mi=64Mi;1:memory=1Gi`, repeatable. */
export const reservations: Codec<readonly MemoryReservation[]> = {
  type: "node:type=quantity,...;...",
  read: records({ numaNode: int32.read, limits: readQuantities }),
  typed: (json) =>
    items(json).map(({ numaNode, limits }) => ({
      numaNode: Number(numaNode ?? 0),
      limits: isObject(limits)
        ? Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)]))
        : {},
    })),
  flag(value, held) {
    const read = collect(value === "" ? [] : value.split(";"), parseReservation);
    return "problem" in read ? read : { value: [...(Array.isArray(held) ? held : []), ...items(read.value)] };
  },
  isZero: () => false,
};

export const priorityGraces: Codec<readonly PriorityGrace[]> = {
  type: "list",
  read: records({ priority: int32.read, shutdownGracePeriodSeconds: int64.read }),
  typed: (json) =>
    items(json).map(({ priority, shutdownGracePeriodSeconds }) => ({
      priority: Number(priority ?? 0),
      shutdownGracePeriodSeconds: Number(shutdownGracePeriodSeconds ?? 0),
    })),
  flag: () => ({ problem: "has no flag" }),
  isZero: () => false,
};

/** `pattern=N,…`; more uses add to the list. */
export const moduleLevels: Codec<readonly ModuleLevel[]> = {
  type: "pattern=N,...",
  read: records({ filePattern: text.read, verbosity: level.read }),
  typed: (json) =>
    items(json).map(({ filePattern, verbosity }) => ({
      filePattern: String(filePattern ?? ""),
      verbosity: Number(verbosity ?? 0),
    })),
  flag(value, held) {
    const read = collect(
      value.split(",").filter((part) => part !== ""),
      (part) => {
        const [, filePattern = "", digits = ""] = /^([^=]+)=(\d+)$/.exec(part) ?? [];
        const verbosity = Number(digits);
        if (filePattern === "" || verbosity > 2 ** 31 - 1) return { problem: expected("pattern=N pairs", part) };
        return { value: { filePattern, verbosity } };
      },
    );
    return "problem" in read ? read : { value: [...(Array.isArray(held) ? held : []), ...items(read.value)] };
  },
  isZero: () => false,
};

/** Reader of a list of objects that have no fields but `fields`. */
function records(fields: { readonly [name: string]: FieldReader }): FieldReader {
  return (json, field, report) => {
    if (!Array.isArray(json)) {
      report.wrong(field, expected("a list of objects", json));
      return undefined;
    }
    return json.map((item: Json, index) => readRecord(item, `${field}[${index}]`, fields, report));
  };
}

function readRecord(
  item: Json,
  field: string,
  fields: { readonly [name: string]: FieldReader },
  report: Report,
): JsonObject {
  const record: { [name: string]: Json } = {};
  if (!isObject(item)) report.wrong(field, expected("an object", item));
  for (const [name, value] of Object.entries(isObject(item) ? item : {})) {
    const reader = fields[name];
    if (!reader) report.unknown(`${field}.${name}`, Object.keys(fields));
    const read = reader && value !== null ? reader(value, `${field}.${name}`, report) : undefined;
    if (read !== undefined) record[name] = read;
  }
  return record;
}

function readQuantities(json: Json, field: string, report: Report): Json | undefined {
  if (!isObject(json)) {
    report.wrong(field, expected("a map of resource names to quantities", json));
    return undefined;
  }
  const read = Object.entries(json).map(([name, value]): [string, string] => {
    const canonical = canonicalQuantity(String(value));
    if (canonical === undefined) report.wrong(`${field}.${name}`, QUANTITY_SYNTAX);
    return [name, canonical ?? "0"];
  });
  return Object.fromEntries(read);
}

function parseTaint(taint: string): FlagRead {
  const [, key = "", value = "", effect = ""] = /^([^=:]+)(?:=([^=:]*))?:([^:]+)$/.exec(taint) ?? [];
  if (key === "") return { problem: expected("taints of the form key=value:Effect", taint) };
  return { value: { key, ...(value === "" ? {} : { value }), effect } };
}

function parseReservation(reservation: string): FlagRead {
  const [node = "", list = "", ...more] = reservation.split(":");
  const numaNode = /^[+-]?\d+$/.test(node) ? parseGoInt(node) : undefined;
  const limits = list.split(",").map((limit) => limit.split("="));
  const fits = limits.every(([name = "", value = "", ...rest]) => {
    return rest.length === 0 && isMemoryResource(name) && canonicalQuantity(value) !== undefined;
  });
  if (numaNode === undefined || more.length > 0 || !fits) {
    return { problem: expected("numaNode:type=quantity,… with types memory and hugepages-SIZE", reservation) };
  }
  return {
    value: {
      numaNode,
      limits: Object.fromEntries(limits.map(([name = "", value = ""]) => [name, canonicalQuantity(value) ?? value])),
    },
  };
}

export const isMemoryResource = (name: string): boolean => name === "memory" || name.startsWith("hugepages-");

function collect(parts: readonly string[], parse: (part: string) => FlagRead): FlagRead {
  const values: Json[] = [];
  for (const part of parts) {
    const read = parse(part);
    if ("problem" in read) return read;
    values.push(read.value);
  }
  return { value: values };
}

const items = (json: Json): readonly JsonObject[] => (Array.isArray(json) ? json.filter(isObject) : []);
