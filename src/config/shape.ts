import type { Problem } from "../base/fault.ts";
import { expected, type Report } from "./codec.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import type { Option } from "./option.ts";
import { hint } from "./suggest.ts";
import { FIELDS } from "./table.ts";

export const API_VERSION = "kubelet.config.k8s.io/v1beta1";
export const KIND = "KubeletConfiguration";

/** A document with the wrong and unknown parts gone and every value canonical. Nulls are kept. */
export interface Shaped {
  readonly doc: JsonObject;
  readonly unknown: readonly Problem[];
  readonly problems: readonly Problem[];
}

type Branch = Map<string, Branch | Option<unknown>>;
const ROOT: Branch = grow();

/** Checks names and types of a document against the option table. */
export function shapeOf(doc: JsonObject): Shaped {
  const unknown: Problem[] = [];
  const problems: Problem[] = [];
  const report: Report = {
    wrong: (field, message) => problems.push({ field, message }),
    unknown: (field, known) => unknown.push({ field, message: `is no known field${hint(lastStep(field), known)}` }),
  };
  const { apiVersion, kind, ...fields } = doc;
  if (apiVersion !== API_VERSION) report.wrong("apiVersion", expected(`"${API_VERSION}"`, apiVersion ?? ""));
  if (kind !== KIND) report.wrong("kind", expected(`"${KIND}"`, kind ?? ""));
  return { doc: readBranch(fields, "", ROOT, report), unknown, problems };
}

function readBranch(doc: JsonObject, prefix: string, branch: Branch, report: Report): JsonObject {
  const read: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(doc)) {
    const path = `${prefix}${key}`;
    const next = branch.get(key);
    if (next === undefined) report.unknown(path, [...branch.keys()]);
    else if (value === null) read[key] = null;
    else if (!(next instanceof Map)) {
      const canonical = next.codec.read(value, path, report);
      if (canonical !== undefined) read[key] = canonical;
    } else if (isObject(value)) read[key] = readBranch(value, `${path}.`, next, report);
    else report.wrong(path, expected("an object", value));
  }
  return read;
}

function grow(): Branch {
  const root: Branch = new Map();
  for (const [path, option] of Object.entries(FIELDS)) {
    const steps = path.split(".");
    const last = steps.pop() ?? path;
    let branch = root;
    for (const step of steps) {
      const next = branch.get(step);
      const inner: Branch = next instanceof Map ? next : new Map();
      branch.set(step, inner);
      branch = inner;
    }
    branch.set(last, option);
  }
  return root;
}

const lastStep = (field: string): string => field.split(".").at(-1) ?? field;
