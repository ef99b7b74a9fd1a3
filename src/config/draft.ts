import { join, resolve } from "node:path";
import { messageOf, type Problem } from "../base/fault.ts";
import { gates } from "./codecs-list.ts";
import { decodeDocument } from "./decode.ts";
import { COMMAND_LINE_DEFAULTS, fillDefaults, fillEvictionHard } from "./defaults.ts";
import type { HostFacts } from "./facts.ts";
import { judgeGates } from "./gates.ts";
import { isObject, type JsonObject, mergePatch, touches, valueAt, withoutNulls, withValue } from "./json.ts";
import type { Origin } from "./kubelet-config.ts";
import type { ParsedFlags } from "./parse-flags.ts";
import { shapeOf } from "./shape.ts";
import { FIELDS } from "./table.ts";

export interface LoadDeps {
  readonly argv: readonly string[];
  readonly facts: HostFacts;
  /** Text of the file at an absolute path. */
  readonly readFile: (path: string) => Promise<string>;
  /** Paths, relative to the directory, of every file at any depth below it, in any order. */
  readonly listConfigDir: (directory: string) => Promise<readonly string[]>;
}

/** A configuration under construction: it grows by sources, each of which may add problems and warnings. */
export interface Draft {
  doc: JsonObject;
  readonly origins: Map<string, Origin>;
  readonly problems: Problem[];
  readonly warnings: string[];
}

/** Defaults, the file and the drop-ins, in this order. */
export async function readDraft(flags: ParsedFlags, deps: LoadDeps): Promise<Draft> {
  const draft: Draft = { doc: {}, origins: new Map(), problems: [...flags.problems], warnings: [] };
  for (const path of Object.keys(FIELDS)) draft.origins.set(path, { kind: "default", where: "" });
  const file = textOf(flags, "config");
  const directory = textOf(flags, "config-dir");
  if (file === "") applyCommandLineDefaults(draft, flags);
  else await readFile(draft, resolve(deps.facts.cwd, file), flags, deps);
  if (directory !== "") await readDropIns(draft, resolve(deps.facts.cwd, directory), flags, deps);
  return draft;
}

function applyCommandLineDefaults(draft: Draft, flags: ParsedFlags): void {
  draft.doc = fillDefaults({}, gatesOf({}, flags)).doc;
  for (const [path, value] of Object.entries(COMMAND_LINE_DEFAULTS)) {
    draft.doc = withValue(draft.doc, path, value);
    draft.origins.set(path, { kind: "default", where: "without --config" });
  }
}

async function readFile(draft: Draft, path: string, flags: ParsedFlags, deps: LoadDeps): Promise<void> {
  const read = await readShaped(draft, path, "--config", deps);
  const given = absolutePaths(withoutNulls(read?.doc ?? {}), resolve(path, ".."));
  // Upstream decodes strictly first, and where only names are at fault again without: it starts, and says so in one log line.
  for (const { field, message } of [...(read?.unknown ?? []), ...(read?.duplicates ?? [])]) {
    draft.warnings.push(`${path}: ${field} ${message}; ignored`);
  }
  const { doc, filled } = fillDefaults(given, gatesOf(given, flags));
  draft.doc = fillEvictionHard(given, doc);
  for (const key of Object.keys(FIELDS))
    if (!filled.includes(key)) draft.origins.set(key, { kind: "file", where: path });
}

async function readDropIns(draft: Draft, directory: string, flags: ParsedFlags, deps: LoadDeps): Promise<void> {
  const names = await attempt(draft, "--config-dir", `cannot be listed at ${directory}`, () =>
    deps.listConfigDir(directory),
  );
  const dropIns = [...(names ?? [])].filter((name) => name.endsWith(".conf")).sort(byWalkOrder);
  for (const name of dropIns) {
    const path = join(directory, name);
    const read = await readShaped(draft, path, "--config-dir", deps);
    if (!read) continue;
    for (const { field, message } of read.duplicates)
      draft.problems.push({ field, message: `${message} (in ${path})` });
    for (const { field, message } of read.unknown) draft.warnings.push(`${path}: ${field} ${message}; ignored`);
    draft.doc = mergePatch(draft.doc, read.doc) as JsonObject;
    for (const key of Object.keys(FIELDS))
      if (touches(read.doc, key)) draft.origins.set(key, { kind: "drop-in", where: path });
  }
  const { doc, filled } = fillDefaults(draft.doc, gatesOf(draft.doc, flags));
  draft.doc = doc;
  // A null in a drop-in took the value away and the default came back.
  for (const key of filled)
    if (draft.origins.get(key)?.kind !== "default") draft.origins.set(key, { kind: "default", where: "" });
}

interface ShapedFile {
  readonly doc: JsonObject;
  readonly unknown: readonly Problem[];
  readonly duplicates: readonly Problem[];
}

/** Reads and checks one file; what cannot be used goes to the draft's problems. */
async function readShaped(draft: Draft, path: string, flag: string, deps: LoadDeps): Promise<ShapedFile | undefined> {
  const text = await attempt(draft, flag, `cannot be read at ${path}`, () => deps.readFile(path));
  if (text === undefined) return undefined;
  const decoded = await decodeDocument(text);
  for (const { message } of decoded.problems) draft.problems.push({ field: flag, message: `file ${path} ${message}` });
  if (decoded.problems.length > 0) return undefined;
  const { doc, unknown, problems } = shapeOf(decoded.doc);
  for (const { field, message } of problems) draft.problems.push({ field, message: `${message} (in ${path})` });
  const duplicates = decoded.duplicates.map((field) => ({ field, message: "stands twice, the last one counts" }));
  return { doc, unknown, duplicates };
}

async function attempt<T>(
  draft: Draft,
  field: string,
  failure: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    draft.problems.push({ field, message: `${failure}: ${messageOf(error)}` });
    return undefined;
  }
}

const PATHS = Object.entries(FIELDS).flatMap(([key, { path }]) => (path ? [key] : []));

function absolutePaths(doc: JsonObject, directory: string): JsonObject {
  let result = doc;
  for (const key of PATHS) {
    const path = valueAt(doc, key);
    if (typeof path === "string" && path !== "" && !path.startsWith("/"))
      result = withValue(result, key, join(directory, path));
  }
  return result;
}

/** Gates that are on while defaults are filled: those of the document and, above them, of the flags. */
function gatesOf(doc: JsonObject, flags: ParsedFlags): ReadonlySet<string> {
  const set = mergePatch(doc.featureGates ?? {}, flags.values.get("feature-gates")?.value ?? {});
  return judgeGates(gates.typed(isObject(set) ? set : {})).on;
}

const textOf = (flags: ParsedFlags, name: string): string => String(flags.values.get(name)?.value ?? "");

/** The order in which a walk finds files: name by name, directory by directory. */
function byWalkOrder(a: string, b: string): number {
  const left = a.split("/");
  const right = b.split("/");
  const at = left.findIndex((step, index) => step !== right[index]);
  return at < 0 ? -1 : Buffer.compare(Buffer.from(left[at] ?? ""), Buffer.from(right[at] ?? ""));
}
