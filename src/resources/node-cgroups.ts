import type { Amounts, QosClass } from "../model/pod-resources.ts";
import type { StringMap } from "../model/runtime.ts";
import type { CgroupValues } from "../ports/cgroups.ts";
import { sharesOf } from "./cpu.ts";
import type { ResourceFacts } from "./facts.ts";
import { unboundedHugepages } from "./hugepages.ts";

/** What one pod counts for in the cgroups above it. */
export interface PodShare {
  readonly qos: QosClass;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** Capacity without what is reserved, never below 0. Eviction thresholds are no part of what cgroups enforce. */
export function allocatable(capacity: Amounts, reserved: readonly Amounts[]): Amounts {
  const left = ([resource, amount]: [string, number]): [string, number] => [
    resource,
    Math.max(
      0,
      reserved.reduce((rest, each) => rest - (each[resource] ?? 0), amount),
    ),
  ];
  return Object.fromEntries(Object.entries(capacity).map(left));
}

/** `kubepods` bounds all pods together; `amounts` is the allocatable part, or the capacity where "pods" isn't enforced. */
export function kubepodsValues(amounts: Amounts, shares: Iterable<PodShare>, facts: ResourceFacts): CgroupValues {
  const { cpu, memory, pid } = amounts;
  const [guaranteed, burstable] = [memoryOf(shares, "Guaranteed"), memoryOf(shares, "Burstable")];
  return {
    ...(cpu === undefined ? {} : { cpuShares: sharesOf(cpu) }),
    ...(memory === undefined ? {} : { memoryLimitBytes: memory }),
    ...(pid === undefined ? {} : { pidsLimit: pid }),
    hugepageLimits: unboundedHugepages(facts.hugepageSizes),
    ...unified(facts, { "memory.min": guaranteed + burstable, "memory.low": burstable }),
  };
}

/** Burstable pods compete with Guaranteed ones by the sum of what they ask for. */
export function burstableValues(shares: Iterable<PodShare>, facts: ResourceFacts): CgroupValues {
  const cpu = [...shares].reduce((sum, { qos, cpuMillis }) => (qos === "Burstable" ? sum + cpuMillis : sum), 0);
  return {
    cpuShares: sharesOf(cpu),
    hugepageLimits: unboundedHugepages(facts.hugepageSizes),
    ...unified(facts, { "memory.low": memoryOf(shares, "Burstable") }),
  };
}

export const bestEffortValues = (facts: ResourceFacts): CgroupValues => ({
  cpuShares: sharesOf(0),
  hugepageLimits: unboundedHugepages(facts.hugepageSizes),
});

/** Zeroes are written too where nothing is protected: an earlier life of the kubelet may have left other values. */
function unified(facts: ResourceFacts, kept: { readonly [file: string]: number }): { readonly unified?: StringMap } {
  if (facts.cgroupVersion === 1) return {};
  const tiered = facts.policy.memoryQoS && facts.policy.memoryReservationPolicy === "TieredReservation";
  return {
    unified: Object.fromEntries(Object.entries(kept).map(([file, value]) => [file, tiered ? `${value}` : "0"])),
  };
}

const memoryOf = (shares: Iterable<PodShare>, of: QosClass): number =>
  [...shares].reduce((sum, { qos, memoryBytes }) => (qos === of ? sum + memoryBytes : sum), 0);
