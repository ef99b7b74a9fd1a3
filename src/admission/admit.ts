import type { Problem } from "../base/fault.ts";
import type { Pod } from "../model/kubernetes.ts";
import { containersOf, usesHostNetwork } from "../model/pod.ts";
import { type Amounts, podRequests } from "../model/pod-resources.ts";
import { sysctlProblem } from "./sysctls.ts";

export type Admission =
  | { readonly kind: "admitted" }
  | { readonly kind: "rejected"; readonly reason: string; readonly message: string };

export interface NodeShape {
  /** cpu in millicores, memory and ephemeral-storage in bytes, pods; what is absent is not checked. */
  readonly allocatable: Amounts;
  readonly allowedUnsafeSysctls: readonly string[];
}

/**
 * May this pod run here, beside `others`, which already do? The first reason wins, in upstream's order and words.
 * `unsupported`: fields of the pod that this kubelet can't honour.
 */
export function admit(pod: Pod, others: readonly Pod[], node: NodeShape, unsupported: readonly Problem[]): Admission {
  const sysctl = sysctlProblem(pod, node.allowedUnsafeSysctls);
  if (sysctl) return reject("SysctlForbidden", sysctl);
  if (pod.spec?.os?.name !== undefined && pod.spec.os.name !== "linux") {
    return reject(
      "PodOSNotSupported",
      `Failed to admit pod as the pod's OS is "${pod.spec.os.name}" and the node's is "linux"`,
    );
  }
  const shortage = shortageOf(pod, others, node.allocatable);
  if (shortage) return shortage;
  const port = takenPort(pod, others);
  if (port) {
    return reject(
      "NodePorts",
      `Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports: ${port}`,
    );
  }
  if (unsupported.length > 0) {
    const texts = unsupported.map(({ field, message }) => `${field}: ${message}`);
    return reject("PodFeatureUnsupported", `Pod requires node features that are not available: ${texts.join("; ")}`);
  }
  return { kind: "admitted" };
}

const reject = (reason: string, message: string): Admission => ({ kind: "rejected", reason, message });

function shortageOf(pod: Pod, others: readonly Pod[], allocatable: Amounts): Admission | undefined {
  const capacity = allocatable.pods;
  if (capacity !== undefined && others.length + 1 > capacity) {
    return reject("OutOfpods", shortageText("pods", 1, others.length, capacity));
  }
  const wanted = podRequests(pod);
  const taken = others.map(podRequests);
  for (const [resource, amount] of Object.entries(wanted)) {
    const available = allocatable[resource];
    if (available === undefined || amount === 0) continue;
    const used = taken.reduce((sum, requests) => sum + (requests[resource] ?? 0), 0);
    if (used + amount > available) return reject(`OutOf${resource}`, shortageText(resource, amount, used, available));
  }
  return undefined;
}

const shortageText = (resource: string, requested: number, used: number, capacity: number): string =>
  `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;

/** The first host port that another pod holds on an overlapping address. */
function takenPort(pod: Pod, others: readonly Pod[]): string | undefined {
  const held = others.flatMap(hostPorts);
  return hostPorts(pod).find((port) =>
    held.some(
      (other) => port.number === other.number && port.protocol === other.protocol && overlap(port.ip, other.ip),
    ),
  )?.text;
}

const overlap = (a: string, b: string): boolean => a === b || a === "0.0.0.0" || b === "0.0.0.0";

function hostPorts(pod: Pod) {
  return containersOf(pod)
    .flatMap(({ ports = [] }) => ports)
    .map(({ hostPort, containerPort, protocol = "TCP", hostIP }) => ({
      number: hostPort || (usesHostNetwork(pod) ? containerPort : 0),
      protocol,
      ip: hostIP || "0.0.0.0",
      text: `${protocol} ${hostPort || containerPort}`,
    }))
    .filter(({ number }) => number > 0);
}
