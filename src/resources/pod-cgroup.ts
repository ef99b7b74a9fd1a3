import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import { limitDeclared } from "../model/pod-level.ts";
import { podLimits, podRequests, qosClassOf } from "../model/pod-resources.ts";
import type { CgroupValues } from "../ports/cgroups.ts";
import { quotaOf, sharesOf } from "./cpu.ts";
import type { ResourceFacts } from "./facts.ts";
import { hugepageLimits } from "./hugepages.ts";
import { podMemoryQos } from "./memory-qos.ts";
import { type CgroupDriver, cgroupPath, kubepodsName, podName } from "./names.ts";

export interface PodCgroupOptions {
  /** "" and "/" are the same. */
  readonly cgroupRoot: string;
  readonly cgroupsPerQOS: boolean;
  readonly driver: CgroupDriver;
  /** 0 or less: none. */
  readonly podPidsLimit: number;
  readonly facts: ResourceFacts;
}

export interface PodCgroup {
  /** For CRI `cgroup_parent`; empty without cgroups per QoS: the runtime chooses. */
  readonly parent: string;
  readonly path: string;
  readonly values: CgroupValues;
}

/** The cgroup that holds all of a pod. */
export function podCgroup(pod: Pod, options: PodCgroupOptions): PodCgroup {
  if (!options.cgroupsPerQOS) return { parent: "", path: "", values: {} };
  const path = podCgroupPath(pod, options);
  return { parent: path, path, values: podValues(pod, options) };
}

type PathOptions = Pick<PodCgroupOptions, "cgroupRoot" | "cgroupsPerQOS" | "driver">;

/** "" without cgroups per QoS. */
export const podCgroupPath = (pod: Pod, { cgroupRoot, cgroupsPerQOS, driver }: PathOptions): string =>
  cgroupsPerQOS ? cgroupPath(podName(cgroupRoot, qosClassOf(pod), uidOf(pod)), driver) : "";

/** The cgroup of all pods; "" without cgroups per QoS. */
export const podsCgroupPath = ({ cgroupRoot, cgroupsPerQOS, driver }: PathOptions): string =>
  cgroupsPerQOS ? cgroupPath(kubepodsName(cgroupRoot), driver) : "";

function podValues(pod: Pod, { podPidsLimit, facts }: PodCgroupOptions): CgroupValues {
  const unified = podMemoryQos(pod, facts);
  return {
    ...cpuAndMemory(pod, facts),
    hugepageLimits: hugepageLimits(podRequests(pod), facts.hugepageSizes),
    ...(podPidsLimit > 0 ? { pidsLimit: podPidsLimit } : {}),
    ...(Object.keys(unified).length > 0 ? { unified } : {}),
  };
}

function cpuAndMemory(pod: Pod, { policy }: ResourceFacts): CgroupValues {
  const qos = qosClassOf(pod);
  if (qos === "BestEffort") return { cpuShares: sharesOf(0) };
  const limits = podLimits(pod);
  const cpuPeriod = policy.cpuCFSQuotaPeriodMicros;
  const cpuQuota = policy.cpuCFSQuota ? quotaOf(limits.cpu ?? 0, cpuPeriod) : -1;
  const guaranteed = qos === "Guaranteed";
  return {
    cpuShares: sharesOf(podRequests(pod).cpu ?? 0),
    ...(guaranteed || limitDeclared(pod, "cpu") ? { cpuQuota, cpuPeriod } : {}),
    ...(guaranteed || limitDeclared(pod, "memory") ? { memoryLimitBytes: limits.memory ?? 0 } : {}),
  };
}
