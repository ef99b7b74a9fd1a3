import type { ContainerImage, Node, NodeAddress, NodeSystemInfo, Time } from "../model/kubernetes.ts";
import { GO_OS } from "../model/node-labels.ts";
import { defined } from "../model/object.ts";
import type { RuntimeStatus, RuntimeVersion } from "../model/runtime.ts";
import type { FilesystemSpace, MachineInfo } from "../ports/node-facts.ts";
import { allocatableOf, type CapacityOptions, machineCapacity, mergedCapacity } from "./capacity.ts";
import { type ConditionChange, conditionsDiffer, updateConditions } from "./conditions.ts";
import { withTrueLabels } from "./labels.ts";
import type { Pressure } from "./pressure.ts";
import { sameMeaning } from "./semantic.ts";

/** Everything that a status says, as known at one time. */
export interface StatusFacts {
  readonly now: Time;
  readonly machine: MachineInfo;
  /** Go's name of the processor. */
  readonly arch: string;
  readonly space: FilesystemSpace | undefined;
  /** undefined: not known, those of the Node stay. */
  readonly addresses: readonly NodeAddress[] | undefined;
  /** The same annotation as upstream's for external cloud providers; undefined: none is due. */
  readonly providedNodeIp: string | undefined;
  readonly images: readonly ContainerImage[];
  readonly runtimeVersion: RuntimeVersion | undefined;
  /** As it was told last; undefined: never yet. */
  readonly runtime: Pick<RuntimeStatus, "handlers" | "features"> | undefined;
  readonly pressure: Pressure;
  /** Why the node is not ready, but for missing capacity, which is found here. */
  readonly problems: readonly string[];
  readonly declaredFeatures: readonly string[];
}

export interface StatusSettings extends CapacityOptions {
  readonly kubeletVersion: string;
  readonly port: number;
}

const PROVIDED_NODE_IP = "alpha.kubernetes.io/provided-node-ip";

/** The Node with the status that it is to have, in upstream's order of fields, and which conditions change by it. */
export function withStatus(
  node: Node,
  facts: StatusFacts,
  settings: StatusSettings,
): { readonly node: Node; readonly changes: readonly ConditionChange[] } {
  const before = node.status ?? {};
  const capacity = mergedCapacity(before.capacity ?? {}, machineCapacity(facts.machine, facts.space, settings));
  const required = ["cpu", "memory", "pods", ...(settings.ephemeralStorage ? ["ephemeral-storage"] : [])];
  const missing = required.filter((name) => capacity[name] === undefined);
  const problems = [
    ...facts.problems,
    ...(missing.length > 0 ? [`missing node capacity for resources: ${missing.join(", ")}`] : []),
  ];
  const { conditions, changes } = updateConditions(before.conditions ?? [], facts.pressure, problems, facts.now);
  const status = defined({
    ...before,
    addresses: facts.addresses ?? before.addresses,
    capacity,
    allocatable: allocatableOf(capacity, before.allocatable ?? {}, settings),
    nodeInfo: systemInfo(facts, settings),
    daemonEndpoints: { kubeletEndpoint: { Port: settings.port } },
    images: facts.images.length > 0 ? facts.images : undefined,
    runtimeHandlers: facts.runtime ? handlersOf(facts.runtime) : before.runtimeHandlers,
    features: featuresOf(facts.runtime) ?? before.features,
    conditions,
    declaredFeatures: facts.declaredFeatures.length > 0 ? facts.declaredFeatures : undefined,
  });
  const labelled = withTrueLabels({ ...node, status }, facts.arch);
  return { node: withProvidedIp(labelled, facts.providedNodeIp), changes };
}

function systemInfo(facts: StatusFacts, { kubeletVersion }: StatusSettings): NodeSystemInfo {
  const { machine, runtimeVersion } = facts;
  return {
    machineID: machine.machineId,
    systemUUID: machine.systemUuid,
    bootID: machine.bootId,
    kernelVersion: machine.kernelVersion,
    osImage: machine.osImage,
    containerRuntimeVersion: `${runtimeVersion?.name ?? ""}://${plainVersion(runtimeVersion?.version ?? "")}`,
    kubeletVersion,
    // Upstream writes it no more (KEP-4004): the kubelet never knew.
    kubeProxyVersion: "",
    operatingSystem: GO_OS,
    architecture: facts.arch,
    ...(machine.swapBytes > 0 ? { swap: { capacity: machine.swapBytes } } : {}),
    runningInUserNamespace: machine.inUserNamespace,
  };
}

function handlersOf({ handlers }: Pick<RuntimeStatus, "handlers">) {
  if (handlers.length === 0) return undefined;
  return [...handlers]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, recursiveReadOnlyMounts, userNamespaces }) => ({
      name,
      features: { recursiveReadOnlyMounts, userNamespaces },
    }));
}

/** The version without a leading v and without what a distribution adds: "1.6.20~ds1" is 1.6.20, "v2.4.2-rc.1" is 2.4.2-rc.1. */
export function plainVersion(version: string): string {
  const semantic = /^\s*v?(\d+\.\d+\.\d+(?:-[\dA-Za-z.-]+)?(?:\+[\dA-Za-z.-]+)?)$/.exec(version)?.[1];
  return semantic ?? /^\s*v?(\d+(?:\.\d+)+)/.exec(version)?.[1] ?? "Unknown";
}

const featuresOf = (runtime: StatusFacts["runtime"]) =>
  runtime?.features && { supplementalGroupsPolicy: runtime.features.supplementalGroupsPolicy };

function withProvidedIp(node: Node, ip: string | undefined): Node {
  const { [PROVIDED_NODE_IP]: old, ...annotations } = node.metadata?.annotations ?? {};
  if (old === ip) return node;
  return {
    ...node,
    metadata: {
      ...node.metadata,
      annotations: ip === undefined ? annotations : { ...annotations, [PROVIDED_NODE_IP]: ip },
    },
  };
}

/** Whether somebody who reads the Node would see a difference beside the times of the heartbeats. */
export function nodeDiffers(before: Node, after: Node): boolean {
  const { conditions: oldConditions = [], ...oldStatus } = before.status ?? {};
  const { conditions = [], ...status } = after.status ?? {};
  return (
    conditionsDiffer(oldConditions, conditions) ||
    !sameMeaning(oldStatus, status) ||
    !sameMeaning(before.metadata?.labels, after.metadata?.labels) ||
    !sameMeaning(before.metadata?.annotations, after.metadata?.annotations)
  );
}
