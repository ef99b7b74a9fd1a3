import { messageOf, type Problem } from "../base/fault.ts";
import { tagsOfGo } from "../model/yaml-tags.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** A decoded document, the fields that stood in it twice (the last one counts), and what is wrong with its text. */
export interface Decoded {
  readonly doc: JsonObject;
  readonly duplicates: readonly string[];
  readonly problems: readonly Problem[];
}

/** Reading YAML takes about a second per MiB, while nothing else runs. No real configuration comes near. */
const MAX_LENGTH = 1024 * 1024;

/**
 * Decodes the first document of a YAML or JSON text as sigs.k8s.io/yaml does, which reads YAML 1.1: yes, no, on, off are booleans,
 * 0777 is octal. Dates and base-60 numbers stay text. What stands twice is only reported: for `--config` it is a warning, for drop-ins
 * a problem, which is why this is not the reader of manifests.
 */
export async function decodeDocument(text: string): Promise<Decoded> {
  if (text.trim() === "") return failed("is empty: it must hold a KubeletConfiguration");
  if (text.length > MAX_LENGTH) return failed(`has more than ${MAX_LENGTH} characters: this is no configuration`);
  // Loaded here: a start without a file does without.
  const yaml = await import("yaml");
  try {
    return decode(yaml, text);
  } catch (error) {
    return failed(`cannot be decoded: ${error instanceof RangeError ? "it is nested too deeply" : messageOf(error)}`);
  }
}

type Yaml = typeof import("yaml");

function decode(yaml: Yaml, text: string): Decoded {
  const documents = yaml.parseAllDocuments(text, {
    version: "1.1",
    uniqueKeys: false,
    merge: true,
    customTags: tagsOfGo,
    logLevel: "silent",
  });
  const document = "empty" in documents ? undefined : documents[0];
  if (!document) return failed("holds no document");
  const [error] = document.errors;
  if (error) return failed(syntaxProblem(error.message));
  const value: Json = document.toJS({ maxAliasCount: 100 });
  if (!isObject(value)) return failed("must hold an object with fields, not a single value or a list");
  return { doc: value, duplicates: [...repeatedKeys(yaml, document.contents, "")], problems: [] };
}

/** Only the parser's first line: the next ones show an excerpt, which may hold secrets. */
function syntaxProblem(message: string): string {
  if (/call stack/i.test(message)) return "is nested too deeply";
  return `is no valid YAML: ${(message.split("\n")[0] ?? "").replace(/:$/, "")}`;
}

function* repeatedKeys(yaml: Yaml, node: unknown, path: string): Generator<string> {
  if (yaml.isSeq(node)) {
    for (const [index, item] of node.items.entries()) yield* repeatedKeys(yaml, item, `${path}[${index}]`);
  }
  if (!yaml.isMap(node)) return;
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = String(yaml.isScalar(key) ? key.value : key);
    const at = path === "" ? name : `${path}.${name}`;
    if (seen.has(name)) yield at;
    seen.add(name);
    yield* repeatedKeys(yaml, value, at);
  }
}

const failed = (message: string): Decoded => ({ doc: {}, duplicates: [], problems: [{ field: "", message }] });
