import type { Document, ParsedNode, Scalar } from "yaml";
import type { Problem } from "../base/fault.ts";
import { KubeletError } from "../base/fault.ts";
import { tagsOfGo } from "./yaml-tags.ts";

/** Largest manifest or configuration file that is read, as in the Go kubelet. */
export const MAX_MANIFEST_BYTES = 10 * 1024 * 1024;
/** Dense YAML takes up to six seconds per MiB to read, while nothing else runs; JSON is quick. No real manifest comes near. */
const MAX_YAML_LENGTH = 512 * 1024;
const MAX_PROBLEMS = 10;
/** How often aliases may repeat what they name before the file counts as an attack on memory. */
const MAX_ALIASES = 1000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what YAML forbids
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

export interface YamlDocument {
  readonly value: unknown;
  /** Documents after the first one that isn't empty. The Go kubelet never looks at them. */
  readonly ignoredDocuments: number;
}

type Yaml = typeof import("yaml");

/**
 * The bytes of a YAML or JSON file as text. `what` names the file in messages.
 * @throws KubeletError manifest-invalid
 */
export function manifestText(content: Uint8Array, what: string): string {
  if (content.length > MAX_MANIFEST_BYTES)
    throw invalid(what, [
      { field: "", message: `has more than ${MAX_MANIFEST_BYTES} bytes: split it, or remove what is no manifest` },
    ]);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    const before = new TextDecoder().decode(content).split("\ufffd", 1)[0] ?? "";
    throw invalid(what, [
      { field: position(before), message: "is not UTF-8 text: remove the file, or write it as YAML or JSON" },
    ]);
  }
}

/**
 * The first document that isn't empty of a YAML or JSON text, read as the Go kubelet does (YAML 1.1: `yes` and `on` are true, `0644` is
 * octal), but a key given twice is an error. Further documents are only counted.
 * @throws KubeletError manifest-invalid, with problems by `line:column`
 */
export async function parseYamlDocument(text: string, what: string): Promise<YamlDocument> {
  const control = CONTROL.exec(text);
  if (control)
    throw invalid(what, [
      {
        field: position(text.slice(0, control.index)),
        message: `holds the control character ${codeOf(control[0])}: remove it`,
      },
    ]);
  if (text.length > MAX_YAML_LENGTH) return { value: parseLargeJson(text, what), ignoredDocuments: 0 };
  // Read when first needed: a node whose folder is empty starts without it.
  const yaml = await import("yaml");
  try {
    return readDocuments(yaml, text, what);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(what, [{ field: "", message: "is nested too deeply" }]);
    throw error;
  }
}

function readDocuments(yaml: Yaml, text: string, what: string): YamlDocument {
  const parsed = yaml.parseAllDocuments(text, {
    version: "1.1",
    customTags: tagsOfGo,
    // The library compares all pairs of keys, which takes minutes on large maps: see repeatedKeys.
    uniqueKeys: false,
    logLevel: "silent",
  });
  const documents = "empty" in parsed ? [] : parsed;
  const errors = documents.flatMap((document) => document.errors);
  if (errors.length > 0) {
    const problems = errors.map(({ pos, message }) => ({ at: pos[0], message: oneLine(message) }));
    // Where the parser gave up, it closes each level with an error of its own.
    throw invalid(what, placed(problems.filter(isFirst), text));
  }
  const filled = documents.filter((document) => !isEmpty(yaml, document));
  const [first] = filled;
  if (!first) throw invalid(what, [{ field: "", message: "is empty" }]);
  const mistakes = [...repeatedKeys(yaml, first), ...badAliases(yaml, first)];
  if (mistakes.length > 0) throw invalid(what, placed(mistakes, text));
  return { value: plainValue(first, what), ignoredDocuments: filled.length - 1 };
}

function isEmpty(yaml: Yaml, { contents }: Document.Parsed): boolean {
  return contents === null || (yaml.isScalar(contents) && contents.value === null);
}

function repeatedKeys(yaml: Yaml, document: Document.Parsed): readonly Place[] {
  const problems: Place[] = [];
  yaml.visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!yaml.isScalar(key)) continue;
        const name = String(key.value);
        const { range } = key as Scalar & Partial<Pick<ParsedNode, "range">>;
        if (seen.has(name) && name !== "<<")
          problems.push({
            at: range?.[0] ?? 0,
            message: `gives ${JSON.stringify(name)} twice in one object: remove one`,
          });
        seen.add(name);
      }
    },
  });
  return problems;
}

/** Aliases of nothing, those that stand inside what they name (the value would hold itself), and more than any manifest needs. */
function badAliases(yaml: Yaml, document: Document.Parsed): readonly Place[] {
  const problems: Place[] = [];
  const named = new Map<string, unknown>();
  let count = 0;
  yaml.visit(document, {
    Node(_, node, path) {
      if (!yaml.isAlias(node)) {
        if (node.anchor !== undefined) named.set(node.anchor, node);
        return undefined;
      }
      const at = node.range?.[0] ?? 0;
      const target = named.get(node.source);
      if (target === undefined) problems.push({ at, message: `repeats what nothing is named (*${node.source})` });
      else if (path.some((parent) => parent === target))
        problems.push({ at, message: `repeats what it is part of (*${node.source})` });
      if (++count <= MAX_ALIASES) return undefined;
      problems.push({ at, message: `is alias number ${count} (*name): write the parts out` });
      return yaml.visit.BREAK;
    },
  });
  return problems;
}

function plainValue(document: Document.Parsed, what: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw invalid(what, [
      { field: "", message: "repeats itself through aliases (*name) without bound: write the parts out" },
    ]);
  }
}

function parseLargeJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(what, [
      {
        field: "",
        message: `has more than ${MAX_YAML_LENGTH} characters and is not JSON: write it as JSON, or shorter`,
      },
    ]);
  }
}

function invalid(what: string, problems: readonly Problem[]): KubeletError {
  const shown = problems.slice(0, MAX_PROBLEMS);
  const rest = problems.length - shown.length;
  const lines = shown.map(({ field, message }) => (field === "" ? message : `line ${field}: ${message}`));
  const text = `Cannot read ${what}: ${lines.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
  return new KubeletError(text, { code: "manifest-invalid", problems: shown });
}

/** `line:column` of what follows `before`, both counted from 1. */
function position(before: string): string {
  const lines = before.split("\n");
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

interface Place {
  /** Offset in the text. */
  readonly at: number;
  readonly message: string;
}

/** Garbage can have a mistake per line: only those that will be shown are worth a search for their line. */
const placed = (mistakes: readonly Place[], text: string): readonly Problem[] =>
  mistakes.map(({ at, message }, index) => ({
    field: index < MAX_PROBLEMS ? position(text.slice(0, at)) : "",
    message,
  }));

const isFirst = ({ at, message }: Place, index: number, all: readonly Place[]): boolean => {
  const before = all[index - 1];
  return before?.at !== at || before.message !== message;
};

/** The parser's messages go on with an excerpt of the file, which may hold secrets. */
function oneLine(message: string): string {
  if (message.includes("call stack")) return "is nested too deeply";
  return message.split(/ at line \d+|\n/, 1)[0] ?? message;
}

const codeOf = (character: string): string => `0x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
