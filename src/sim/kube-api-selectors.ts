import type { ObjectMeta } from "../model/kubernetes.ts";
import type { KubeObject } from "../ports/kube-api.ts";
import { refused } from "./kube-api-faults.ts";

/** What a list or a watch is narrowed to. */
export type Selects = (object: KubeObject) => boolean;

interface Readable extends KubeObject {
  readonly metadata?: ObjectMeta | undefined;
  readonly spec?: { readonly [name: string]: unknown } | undefined;
  readonly status?: { readonly [name: string]: unknown } | undefined;
}

/** Fields that a field selector may name, by plural: the real server indexes no others. `*`: of every kind. */
const FIELDS: { readonly [resource: string]: readonly string[] } = {
  "*": ["metadata.name", "metadata.namespace"],
  pods: ["spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.nominatedNodeName"],
  nodes: ["spec.unschedulable"],
  certificatesigningrequests: ["spec.signerName"],
  secrets: ["type"],
};

export function selectorOf(
  resource: string,
  query: { readonly fieldSelector?: string | undefined; readonly labelSelector?: string | undefined },
): Selects {
  const fields = termsOf(query.fieldSelector).map((term) => fieldTerm(resource, term));
  const labels = termsOf(query.labelSelector).map(labelTerm);
  const all = [...fields, ...labels];
  return (object) => all.every((holds) => holds(object));
}

const termsOf = (text: string | undefined): readonly string[] =>
  (text ?? "")
    .split(",")
    .map((term) => term.trim())
    .filter(Boolean);

function fieldTerm(resource: string, term: string): Selects {
  const { key, value, isEqual } = comparisonOf(term);
  if (value === undefined) throw refused(400, "BadRequest", `invalid field selector: ${term}`);
  const known = [...(FIELDS["*"] ?? []), ...(FIELDS[resource] ?? [])];
  if (!known.includes(key)) throw refused(400, "BadRequest", `field label not supported: ${key}`);
  return (object) => (fieldOf(object, key) === value) === isEqual;
}

function fieldOf(object: KubeObject, path: string): string {
  let value: unknown = object as Readable;
  for (const name of path.split(".")) value = (value as { readonly [name: string]: unknown } | undefined)?.[name];
  return value === undefined || value === null ? "" : String(value);
}

function labelTerm(term: string): Selects {
  if (/[()]/.test(term)) throw refused(400, "BadRequest", `the simulation knows no set-based label selector: ${term}`);
  const { key, value, isEqual } = comparisonOf(term);
  if (value !== undefined) return ({ metadata }) => (metadata?.labels?.[key] === value) === isEqual;
  const [name, wanted] = key.startsWith("!") ? [key.slice(1), false] : [key, true];
  return ({ metadata }) => (metadata?.labels?.[name] !== undefined) === wanted;
}

function comparisonOf(term: string) {
  const parts = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
  if (!parts) return { key: term, value: undefined, isEqual: true };
  return { key: parts[1] ?? "", value: parts[3] ?? "", isEqual: parts[2] !== "!=" };
}
