import type { Problem } from "../base/fault.ts";
import type { Node, Pod, Taint } from "../model/kubernetes.ts";
import { GO_OS, LABEL_OS } from "../model/node-labels.ts";
import { isCritical, isStatic } from "../model/pod.ts";
import { type Amounts, amountsOf } from "../model/pod-resources.ts";
import { isChosen } from "./affinity.ts";
import { needsAppArmor } from "./app-armor.ts";
import { missingFeatures } from "./features.ts";
import { hasTakenPort } from "./ports.ts";
import { type Shortage, shortagesOf } from "./shortage.ts";
import { sysctlProblem } from "./sysctls.ts";
import { untolerated } from "./taints.ts";

export type Admission =
  | { readonly kind: "admitted" }
  | { readonly kind: "rejected"; readonly reason: string; readonly message: string };

/** What this node is. Labels and taints are those it is registered with: they count until its Node object is known. */
export interface NodeShape {
  readonly name: string;
  readonly labels: { readonly [key: string]: string };
  readonly taints: readonly Taint[];
  /** cpu in millicores, memory and ephemeral-storage in bytes, pods; one of these that is absent is not checked. */
  readonly allocatable: Amounts;
  readonly allowedUnsafeSysctls: readonly string[];
  /** The kernel has AppArmor, and it is on. */
  readonly appArmor: boolean;
  /** Features of status.declaredFeatures. */
  readonly declaredFeatures: readonly string[];
}

/**
 * May this pod run here, beside `others`, which already do? The first reason wins, in upstream's order and words.
 * `node`: the Node object as it is now, undefined while it is not known. `unsupported`: fields of the pod that this kubelet can't honour.
 */
export function admit(
  pod: Pod,
  others: readonly Pod[],
  shape: NodeShape,
  node: Node | undefined,
  unsupported: readonly Problem[],
): Admission {
  const rejection =
    sysctls(pod, shape) ??
    system(pod, node) ??
    predicates(pod, others, shape, node) ??
    appArmor(pod, shape) ??
    features(pod, shape.declaredFeatures, unsupported);
  return rejection ? { kind: "rejected", ...rejection } : { kind: "admitted" };
}

/** The pod is rejected for labels only. Those of the node may be newer than what was seen of them. */
export const isForLabels = (admission: Admission): boolean =>
  admission.kind === "rejected" && admission.reason === "NodeAffinity";

type Rejection = { readonly reason: string; readonly message: string } | undefined;

function sysctls(pod: Pod, { allowedUnsafeSysctls }: NodeShape): Rejection {
  const message = sysctlProblem(pod, allowedUnsafeSysctls);
  return message === undefined ? undefined : { reason: "SysctlForbidden", message };
}

function system({ metadata, spec }: Pod, node: Node | undefined): Rejection {
  // Upstream looks at the pod's label, not at its nodeSelector.
  if ((metadata?.labels?.[LABEL_OS] ?? GO_OS) !== GO_OS) {
    return {
      reason: "PodOSSelectorNodeLabelDoesNotMatch",
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  if ((spec?.os?.name ?? GO_OS) !== GO_OS) {
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const strict = spec?.securityContext?.supplementalGroupsPolicy === "Strict";
  if (strict && node && node.status?.features?.supplementalGroupsPolicy !== true) {
    return {
      reason: "SupplementalGroupsPolicyNotSupported",
      message: "SupplementalGroupsPolicy=Strict is not supported in this node",
    };
  }
  return undefined;
}

function predicates(pod: Pod, others: readonly Pod[], shape: NodeShape, node: Node | undefined): Rejection {
  const allocatable = { ...shape.allocatable, ...amountsOf(node?.status?.allocatable) };
  const [shortage] = shortagesOf(pod, others, allocatable);
  const obstacle = misplaced(pod, others, shape, node);
  // A critical pod makes room for itself, so what else is in its way comes first.
  if (shortage && !(isCritical(pod) && obstacle)) return tooLarge(shortage, isCritical(pod));
  return obstacle;
}

function tooLarge({ resource, message }: Shortage, critical: boolean): Rejection {
  const more = critical ? ", and to evict others for a critical pod is not supported yet" : "";
  return { reason: `OutOf${resource}`, message: `${message}${more}` };
}

function misplaced(pod: Pod, others: readonly Pod[], shape: NodeShape, node: Node | undefined): Rejection {
  const { name } = shape;
  if (!isChosen(pod, { name, labels: node?.metadata?.labels ?? shape.labels })) {
    return failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  }
  if (pod.spec?.nodeName && pod.spec.nodeName !== name) {
    return failed("NodeName", "node(s) didn't match the requested node name");
  }
  if (hasTakenPort(pod, others)) {
    return failed("NodePorts", "node(s) didn't have free ports for the requested pod ports");
  }
  const taints = node ? (node.spec?.taints ?? []) : shape.taints;
  if (!isStatic(pod) && untolerated(pod, taints)) {
    return failed("TaintToleration", "node(s) had taints that the pod didn't tolerate");
  }
  return undefined;
}

const failed = (predicate: string, why: string): Rejection => ({
  reason: predicate,
  message: `Predicate ${predicate} failed: ${why}`,
});

function appArmor(pod: Pod, shape: NodeShape): Rejection {
  if (shape.appArmor || !needsAppArmor(pod)) return undefined;
  return { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not enabled on the host" };
}

function features(pod: Pod, declared: readonly string[], unsupported: readonly Problem[]): Rejection {
  const missing = [
    ...missingFeatures(pod, declared),
    ...unsupported.map(({ field, message }) => `${field}: ${message}`),
  ];
  if (missing.length === 0) return undefined;
  const message = `Pod requires node features that are not available: ${missing.join(", ")}`;
  return { reason: "PodFeatureUnsupported", message };
}
