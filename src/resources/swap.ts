import type { Container, Pod } from "../model/kubernetes.ts";
import { isCritical } from "../model/pod.ts";
import { limitsOf, qosClassOf, requestsOf } from "../model/pod-resources.ts";
import type { LinuxResources } from "../model/runtime.ts";
import type { ResourceFacts } from "./facts.ts";

/** Swap of one container: `memory.swap.max` on v2; on v1 a limit of memory and swap together that leaves nothing for swap. */
export function swapResources(
  pod: Pod,
  container: Container,
  memoryLimitBytes: number,
  facts: ResourceFacts,
): Pick<LinuxResources, "memorySwapLimitBytes" | "unified"> {
  if (!facts.swapController) return {};
  if (facts.cgroupVersion === 1) return memoryLimitBytes === 0 ? {} : { memorySwapLimitBytes: memoryLimitBytes };
  const bytes = maySwap(pod, container, facts) ? swapShare(requestsOf(container).memory ?? 0, facts) : 0;
  return { unified: { "memory.swap.max": `${bytes}` } };
}

/** Only containers that may use more memory than they asked for, of pods that the node can lose. */
function maySwap(pod: Pod, container: Container, { policy }: ResourceFacts): boolean {
  if (policy.swapBehavior !== "LimitedSwap" || isCritical(pod) || qosClassOf(pod) !== "Burstable") return false;
  return (requestsOf(container).memory ?? 0) !== (limitsOf(container).memory ?? 0);
}

/** As much of the node's swap as the request is of its memory. */
const swapShare = (request: number, { memoryBytes, swapBytes }: ResourceFacts): number =>
  memoryBytes === 0 ? 0 : Math.floor((request / memoryBytes) * swapBytes);
