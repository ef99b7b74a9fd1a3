import { type Codec, expected, type FlagRead } from "./codec.ts";
import { isObject, type Json } from "./json.ts";

export interface TextMap {
  readonly [key: string]: string;
}

/** Comma separated and repeatable as a flag; values may stand in double quotes as in CSV. */
export const texts: Codec<readonly string[]> = {
  type: "strings",
  read: (json, field, report) => readList(json, field, "a list of strings", report, (item) => typeof item === "string"),
  typed: (json) => (Array.isArray(json) ? json.map(String) : []),
  flag(value, held) {
    const items = splitCsv(value);
    if (!items) return { problem: "must be a comma separated list, with every double quote closed" };
    return { value: [...(Array.isArray(held) ? held : []), ...items] };
  },
  isZero: () => false,
};

export const int32s: Codec<readonly number[]> = {
  type: "int32s",
  read: (json, field, report) => readList(json, field, "a list of whole numbers", report, Number.isInteger),
  typed: (json) => (Array.isArray(json) ? json.map(Number) : []),
  flag: () => ({ problem: "has no flag" }),
  isZero: () => false,
};

/** `k=v,k=v`, repeatable. */
export const textMap = mapOf("key=value,...", "=", true);
/** `k<v,k<v`, for eviction thresholds. */
export const thresholds = mapOf("signal<value,...", "<", true);
/** One `k=v` per use: the value may hold commas. */
export const textMapUnsplit = mapOf("key=value", "=", false);

/** `k=v`, a key without value counts as empty (node labels). */
export const labels: Codec<TextMap> = {
  ...textMap,
  flag(value, held) {
    const map = { ...asTextMap(held) };
    for (const pair of value.split(",").filter((part) => part !== "")) {
      const at = pair.indexOf("=");
      map[(at < 0 ? pair : pair.slice(0, at)).trim()] = at < 0 ? "" : pair.slice(at + 1).trim();
    }
    return { value: map };
  },
};

/** `name:value,name:value`; a name may come again and keeps all its values in order. */
export const headers: Codec<{ readonly [name: string]: readonly string[] }> = {
  type: "name:value,...",
  read(json, field, report) {
    const fits =
      isObject(json) &&
      Object.values(json).every((list) => Array.isArray(list) && list.every((item) => typeof item === "string"));
    if (fits) return json;
    report.wrong(field, "must map each header name to a list of strings");
    return undefined;
  },
  typed: (json) =>
    isObject(json) ? Object.fromEntries(Object.entries(json).map(([name, list]) => [name, texts.typed(list)])) : {},
  flag(value, held) {
    const map: { [name: string]: Json } = isObject(held) ? { ...held } : {};
    for (const pair of value.split(",").filter((part) => part !== "")) {
      const at = pair.indexOf(":");
      if (at < 0) return { problem: expected("name:value pairs", pair) };
      const name = pair.slice(0, at).trim();
      map[name] = [...texts.typed(map[name] ?? []), pair.slice(at + 1).trim()];
    }
    return { value: map };
  },
  isZero: () => false,
};

/** `Gate=true,Gate=false`, repeatable. */
export const gates: Codec<{ readonly [gate: string]: boolean }> = {
  type: "Gate=bool,...",
  read(json, field, report) {
    if (isObject(json) && Object.values(json).every((on) => typeof on === "boolean" || on === null)) return json;
    report.wrong(field, "must map gate names to true or false");
    return undefined;
  },
  typed: (json) =>
    isObject(json) ? Object.fromEntries(Object.entries(json).map(([gate, on]) => [gate, on === true])) : {},
  flag(value, held) {
    const map: { [gate: string]: Json } = isObject(held) ? { ...held } : {};
    for (const pair of value.split(",").filter((part) => part !== "")) {
      const [, name, on] = /^\s*([^=]+?)\s*=\s*(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)\s*$/.exec(pair) ?? [];
      if (name === undefined) return { problem: expected("Gate=true or Gate=false pairs", pair) };
      map[name] = /^[1tT]/.test(on ?? "");
    }
    return { value: map };
  },
  isZero: () => false,
};

function mapOf(type: string, separator: string, split: boolean): Codec<TextMap> {
  return {
    type,
    read(json, field, report) {
      if (isObject(json) && Object.values(json).every((value) => typeof value === "string" || value === null))
        return json;
      report.wrong(field, expected("a map of strings to strings (quote numbers)", json));
      return undefined;
    },
    typed: (json) => ({ ...asTextMap(json) }),
    flag: (value, held) =>
      addPairs(asTextMap(held), split ? value.split(",").filter((part) => part !== "") : [value], separator),
    isZero: () => false,
  };
}

function addPairs(held: TextMap, pairs: readonly string[], separator: string): FlagRead {
  const map = { ...held };
  for (const pair of pairs) {
    const at = pair.indexOf(separator);
    if (at < 0) return { problem: expected(`key${separator}value pairs`, pair) };
    map[pair.slice(0, at).trim()] = pair.slice(at + 1).trim();
  }
  return { value: map };
}

const asTextMap = (json: Json | undefined): TextMap =>
  isObject(json) ? Object.fromEntries(Object.entries(json).map(([key, value]) => [key, String(value)])) : {};

function readList(
  json: Json,
  field: string,
  wanted: string,
  report: { wrong(field: string, message: string): void },
  fits: (item: Json) => boolean,
): Json | undefined {
  if (!Array.isArray(json)) {
    report.wrong(field, expected(wanted, json));
    return undefined;
  }
  json.forEach((item: Json, index) => {
    if (!fits(item)) report.wrong(`${field}[${index}]`, expected(`one item of ${wanted}`, item));
  });
  return json;
}

/** One CSV record; undefined when a quote is not closed. */
function splitCsv(value: string): string[] | undefined {
  if (value === "") return [];
  const items: string[] = [];
  const part = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let at = 0; ; ) {
    part.lastIndex = at;
    const match = part.exec(value);
    if (!match) return undefined;
    items.push(match[1] === undefined ? (match[2] ?? "") : match[1].replaceAll('""', '"'));
    if (match[3] === "") return items;
    at = part.lastIndex;
  }
}
