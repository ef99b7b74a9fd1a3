import type { Problem } from "../base/fault.ts";
import { messageOf } from "../base/fault.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** A decoded document, the fields that stood in it twice (the last one counts), and what is wrong with its text. */
export interface Decoded {
  readonly doc: JsonObject;
  readonly duplicates: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * Decodes the first document of a YAML or JSON text as sigs.k8s.io/yaml does, which reads YAML 1.1: yes, no, on, off are booleans,
 * 0777 is octal. Dates and base-60 numbers stay text. The parser is loaded here because most starts that matter read no file.
 */
export async function decodeDocument(text: string): Promise<Decoded> {
  const { parseAllDocuments, isMap, isSeq, isScalar, isPair } = await import("yaml");
  const failed = (message: string): Decoded => ({ doc: {}, duplicates: [], problems: [{ field: "", message }] });
  if (text.trim() === "") return failed("is empty: it must hold a KubeletConfiguration");
  const documents = parseAllDocuments(text, {
    version: "1.1",
    uniqueKeys: false,
    merge: true,
    customTags: (tags) =>
      tags.filter((tag) => typeof tag !== "string" && !NOT_READ.test(`${tag.tag} ${String(tag.format ?? "")}`)),
  });
  const document = "empty" in documents ? undefined : documents[0];
  if (!document) return failed("holds no document");
  const [error] = document.errors;
  if (error) return failed(`is no valid YAML: ${(error.message.split("\n")[0] ?? "").replace(/:$/, "")}`);

  const duplicates: string[] = [];
  const walk = (node: unknown, path: string): void => {
    if (isSeq(node)) for (const [index, item] of node.items.entries()) walk(item, `${path}[${index}]`);
    if (!isMap(node)) return;
    const seen = new Set<string>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
      const at = path === "" ? key : `${path}.${key}`;
      if (seen.has(key)) duplicates.push(at);
      seen.add(key);
      walk(pair.value, at);
    }
  };
  walk(document.contents, "");
  try {
    const value: Json = document.toJS({ maxAliasCount: 100 });
    return isObject(value)
      ? { doc: value, duplicates, problems: [] }
      : failed("must hold an object with fields, not a single value or a list");
  } catch (error) {
    return failed(`cannot be decoded: ${messageOf(error)}`);
  }
}

/** Tags and notations of YAML 1.1 that upstream's reader does not turn into values of their own. */
const NOT_READ = /:(timestamp|binary|omap|pairs|set) |TIME$/;
