import type { Container, Pod } from "../model/kubernetes.ts";
import { podLevel } from "../model/pod-level.ts";
import {
  type Amounts,
  amountsOf,
  containerTotals,
  isPodLevelResource,
  limitsOf,
  requestsOf,
} from "../model/pod-resources.ts";
import type { LinuxResources } from "../model/runtime.ts";
import { quotaOf, sharesOf } from "./cpu.ts";
import type { ResourceFacts } from "./facts.ts";
import { hugepageLimits } from "./hugepages.ts";
import { containerMemoryQos } from "./memory-qos.ts";
import { oomScoreAdj } from "./oom.ts";
import { swapResources } from "./swap.ts";

/** What the runtime is told for one container (CRI LinuxContainerResources). */
export function containerResources(pod: Pod, container: Container, facts: ResourceFacts): LinuxResources {
  const { cpu: ownCpu, memory: ownMemory } = limitsOf(container);
  const whole = podLevel(pod)?.limits ?? {};
  const cpuLimit = ownCpu || whole.cpu || 0;
  const memoryLimit = ownMemory || whole.memory || 0;
  const base = cpuAndMemory(requestsOf(container).cpu ?? cpuLimit, cpuLimit, memoryLimit, facts);
  const swap = swapResources(pod, container, memoryLimit, facts);
  const pages = hugepageLimits({ ...whole, ...limitsOf(container) }, facts.hugepageSizes);
  const unified = { ...base.unified, ...swap.unified, ...containerMemoryQos(pod, container, facts) };
  return {
    ...base,
    ...swap,
    oomScoreAdj: oomScoreAdj(pod, container, facts.memoryBytes),
    hugepageLimits: Object.entries(pages).map(([pageSize, limit]) => ({ pageSize, limit })),
    ...(Object.keys(unified).length > 0 ? { unified } : {}),
  };
}

/** What the sandbox is told of the pod as a whole, and of its overhead; only hints, which VM runtimes size by. */
export function sandboxResources(
  pod: Pod,
  facts: ResourceFacts,
): { readonly resources: LinuxResources; readonly overhead: LinuxResources } {
  const requests = withoutOverhead(pod, "requests");
  const { cpu: cpuLimit = 0, memory: memoryLimit = 0 } = withoutOverhead(pod, "limits");
  const overhead = pod.spec?.overhead;
  const { cpu = 0, memory = 0 } = amountsOf(overhead);
  return {
    resources: cpuAndMemory(requests.cpu ?? cpuLimit, cpuLimit, memoryLimit, facts),
    overhead: overhead === undefined ? {} : cpuAndMemory(cpu, cpu, memory, facts),
  };
}

function cpuAndMemory(cpuRequest: number, cpuLimit: number, memoryLimit: number, facts: ResourceFacts): LinuxResources {
  const { cgroupVersion, policy } = facts;
  const period = policy.cpuCFSQuotaPeriodMicros;
  return {
    cpuShares: sharesOf(cpuRequest),
    ...(memoryLimit === 0 ? {} : { memoryLimitBytes: memoryLimit }),
    ...(policy.cpuCFSQuota ? { cpuQuota: quotaOf(cpuLimit, period), cpuPeriod: period } : {}),
    // The default: one process out of memory takes its whole container along. v1 can only kill single processes.
    ...(cgroupVersion === 2 && !policy.singleProcessOOMKill ? { unified: { "memory.oom.group": "1" } } : {}),
  };
}

function withoutOverhead(pod: Pod, side: "requests" | "limits"): Amounts {
  const whole = Object.entries(amountsOf(pod.spec?.resources?.[side]));
  return {
    ...containerTotals(pod, side),
    ...Object.fromEntries(whole.filter(([resource]) => isPodLevelResource(resource))),
  };
}
