import { posix } from "node:path";
import { fieldValue, resourceProblem, resourceValue, type Surroundings } from "../model/downward.ts";
import type { DownwardAPIVolumeFile, KeyToPath, Pod } from "../model/kubernetes.ts";
import type { ObjectValues } from "../model/object-values.ts";

/** One file of a volume that we write. */
export interface VolumeFile {
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  /** Owner; undefined: root. */
  readonly user?: number | undefined;
}

/** Path below the volume -> file. */
export type Payload = ReadonlyMap<string, VolumeFile>;

const MAX_FILE_NAME = 255;
const MAX_PATH = 4096;
const utf8 = new TextEncoder();

export interface KeySelection {
  readonly items?: readonly KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

/**
 * Files for all keys, or for those that `items` name. `missing`: upstream's words for a key that is not there.
 * @throws Error with them, unless the source is optional
 */
export function keyFiles(
  from: ObjectValues,
  { items = [], optional = false }: KeySelection,
  defaultMode: number,
  missing: (key: string) => string,
): Payload {
  if (items.length === 0) return new Map([...from].map(([key, content]) => [key, { content, mode: defaultMode }]));
  const files = new Map<string, VolumeFile>();
  for (const { key, path, mode } of items) {
    const content = from.get(key);
    if (content) files.set(path, { content, mode: mode ?? defaultMode });
    else if (!optional) throw new Error(missing(key));
  }
  return files;
}

/** What files may tell of a pod: no addresses, which may not be known yet. */
export type DownwardFacts = Pick<Surroundings, "nodeName" | "allocatable">;

/** @throws Error with all that is wrong */
export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  pod: Pod,
  facts: DownwardFacts,
  defaultMode: number,
): Payload {
  const around = { ...facts, hostIps: [], podIps: [] };
  const problems: string[] = [];
  const files = new Map<string, VolumeFile>();
  for (const { path, mode, fieldRef, resourceFieldRef } of items) {
    let text: string | undefined = "";
    if (fieldRef) {
      text = fieldRef.fieldPath.startsWith("metadata.") ? fieldValue(fieldRef.fieldPath, pod, around) : undefined;
      if (text === undefined) problems.push(`unsupported fieldPath: ${fieldRef.fieldPath}`);
    } else if (resourceFieldRef) {
      const value = resourceValue(resourceFieldRef, pod, {}, around);
      if (value.kind === "value") text = value.text;
      else problems.push(resourceProblem(value));
    }
    files.set(posix.normalize(path), { content: utf8.encode(text ?? ""), mode: mode ?? defaultMode });
  }
  if (problems.length > 0) throw new Error(together(problems));
  return files;
}

/** Several messages in one, as upstream joins them. */
export function together(messages: readonly string[]): string {
  const all = [...new Set(messages)];
  return all.length === 1 ? (all[0] ?? "") : `[${all.join(", ")}]`;
}

/**
 * The same files under clean paths.
 * @throws Error for a path that leaves the volume, meets what is ours (`..data`), or that no file can have
 */
export function cleaned(payload: Payload): Payload {
  const clean = new Map<string, VolumeFile>();
  for (const [path, file] of payload) {
    refuseBadPath(path);
    clean.set(posix.normalize(path).replace(/\/+$/, ""), file);
  }
  for (const path of clean.keys()) {
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above)) {
      if (clean.has(above)) throw new Error(`invalid path: ${path} lies below ${above}, which is a file`);
    }
  }
  return clean;
}

function refuseBadPath(path: string): void {
  const steps = path.split("/");
  if (steps.every((step) => step === "" || step === ".") && !path.startsWith("/"))
    throw new Error('invalid path: must not be empty: ""');
  if (path.includes("\0")) throw new Error("invalid path: must not contain a NUL byte");
  if (path.startsWith("/")) throw new Error(`invalid path: must be relative path: ${path}`);
  if (Buffer.byteLength(path) > MAX_PATH) {
    throw new Error(`invalid path: must be less than or equal to ${MAX_PATH} characters`);
  }
  for (const step of steps) {
    if (step === "..") throw new Error(`invalid path: must not contain '..': ${path}`);
    if (Buffer.byteLength(step) > MAX_FILE_NAME) {
      throw new Error(`invalid path: filenames must be less than or equal to ${MAX_FILE_NAME} characters`);
    }
  }
  // Also behind a "./", which is no step.
  if (posix.normalize(path).startsWith("..")) throw new Error(`invalid path: must not start with '..': ${path}`);
}
