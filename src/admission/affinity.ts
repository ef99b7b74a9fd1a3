import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod } from "../model/kubernetes.ts";

type Labels = { readonly [key: string]: string };

export interface LabelledNode {
  readonly name: string;
  readonly labels: Labels;
}

const INTEGER = /^[+-]?\d+$/;

/** Whether the node is one that the pod asks for, by nodeSelector and by required node affinity. */
export function isChosen(pod: Pod, node: LabelledNode): boolean {
  const { nodeSelector = {}, affinity } = pod.spec ?? {};
  const named = Object.entries(nodeSelector).every(([key, value]) => node.labels[key] === value);
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return named && (required === undefined || matchesAny(required, node));
}

/** Terms are alternatives. One that says nothing, or something that makes no sense, chooses no node. */
const matchesAny = ({ nodeSelectorTerms }: NodeSelector, node: LabelledNode): boolean =>
  nodeSelectorTerms.some((term) => matches(term, node));

function matches({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: LabelledNode): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields: Labels = { "metadata.name": node.name };
  return (
    matchExpressions.every((requirement) => holdsForLabels(requirement, node.labels)) &&
    matchFields.every((requirement) => holdsForFields(requirement, fields))
  );
}

function holdsForLabels({ key, operator, values = [] }: NodeSelectorRequirement, labels: Labels): boolean {
  const has = Object.hasOwn(labels, key);
  const value = labels[key] ?? "";
  switch (operator) {
    case "In":
      return has && values.includes(value);
    case "NotIn":
      return values.length > 0 && !(has && values.includes(value));
    case "Exists":
      return has && values.length === 0;
    case "DoesNotExist":
      return !has && values.length === 0;
    case "Gt":
    case "Lt": {
      const [limit, ...more] = values;
      if (!has || limit === undefined || more.length > 0 || !INTEGER.test(limit) || !INTEGER.test(value)) return false;
      return operator === "Gt"
        ? BigInt(plain(value)) > BigInt(plain(limit))
        : BigInt(plain(value)) < BigInt(plain(limit));
    }
    default:
      return false;
  }
}

/** Of fields there is the name only; each requirement has one value. */
function holdsForFields({ key, operator, values = [] }: NodeSelectorRequirement, fields: Labels): boolean {
  if (values.length !== 1) return false;
  const isSame = (fields[key] ?? "") === values[0];
  return operator === "In" ? isSame : operator === "NotIn" && !isSame;
}

const plain = (integer: string): string => integer.replace(/^\+/, "");
