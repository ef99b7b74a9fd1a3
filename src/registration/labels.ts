import type { Node } from "../model/kubernetes.ts";
import { GO_OS, LABEL_ARCH, LABEL_BETA_ARCH, LABEL_BETA_OS, LABEL_HOSTNAME, LABEL_OS } from "../model/node-labels.ts";

type Labels = { readonly [key: string]: string };

/** Labels that are the kubelet's to say also of a Node that exists: what it has a value for, replaces the old one. */
const KEPT_UP: readonly string[] = [
  LABEL_HOSTNAME,
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/instance-type",
  LABEL_OS,
  LABEL_ARCH,
  "node.kubernetes.io/windows-build",
  LABEL_BETA_OS,
  LABEL_BETA_ARCH,
];

/** Labels of a Node that was there before, with ours brought up to date: an empty value of ours takes the label away. */
export function reconciledLabels(existing: Labels, initial: Labels): Labels {
  const labels: { [key: string]: string } = { ...existing };
  for (const key of KEPT_UP) {
    const value = initial[key];
    if (value === undefined) continue;
    if (value === "") delete labels[key];
    else labels[key] = value;
  }
  return labels;
}

/** The stable names of system and processor, which each status puts right again: pods are placed by them. */
export function withTrueLabels(node: Node, arch: string): Node {
  const labels = node.metadata?.labels ?? {};
  if (labels[LABEL_OS] === GO_OS && labels[LABEL_ARCH] === arch) return node;
  return { ...node, metadata: { ...node.metadata, labels: { ...labels, [LABEL_OS]: GO_OS, [LABEL_ARCH]: arch } } };
}
