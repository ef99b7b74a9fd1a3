import type { Node } from "../model/kubernetes.ts";

type Labels = { readonly [key: string]: string };

const OS = "kubernetes.io/os";
const ARCH = "kubernetes.io/arch";
const BETA_OS = "beta.kubernetes.io/os";
const BETA_ARCH = "beta.kubernetes.io/arch";
const HOSTNAME = "kubernetes.io/hostname";

/** Labels that are the kubelet's to say also of a Node that exists: what it has a value for, replaces the old one. */
const KEPT_UP: readonly string[] = [
  HOSTNAME,
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/instance-type",
  OS,
  ARCH,
  "node.kubernetes.io/windows-build",
  BETA_OS,
  BETA_ARCH,
];

/** Go's names, which Kubernetes uses for processors. */
export const GO_ARCH: { readonly [nodeArch: string]: string } = { x64: "amd64", arm64: "arm64" };
export const GO_OS = "linux";

/** Labels of a new Node: what every node has, then those of `--node-labels`, which win. */
export const initialLabels = (nodeName: string, arch: string, given: Labels): Labels => ({
  [HOSTNAME]: nodeName,
  [OS]: GO_OS,
  [ARCH]: arch,
  [BETA_OS]: GO_OS,
  [BETA_ARCH]: arch,
  ...given,
});

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
  if (labels[OS] === GO_OS && labels[ARCH] === arch) return node;
  return { ...node, metadata: { ...node.metadata, labels: { ...labels, [OS]: GO_OS, [ARCH]: arch } } };
}
