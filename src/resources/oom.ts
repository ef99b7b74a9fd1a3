import type { Container, Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isCritical, isSidecar } from "../model/pod.ts";
import { podLevel } from "../model/pod-level.ts";
import { containerTotals, qosClassOf, requestsOf } from "../model/pod-resources.ts";

/** Sandboxes, Guaranteed pods and pods that the node can't do without: killed last. */
export const LAST_KILLED = -997;
const FIRST_KILLED = 1000;
/** A Guaranteed process with all memory scores 10 minus what -997 takes off; Burstable ones must stay above. */
const LEAST_BURSTABLE = 1000 + LAST_KILLED;
const NODE_CRITICAL = "system-node-critical";

/**
 * oom_score_adj of a container: the larger its share of the node's memory by request, the later it is killed.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2837-pod-level-resource-spec
 */
export function oomScoreAdj(pod: Pod, container: Container, memoryCapacity: number): number {
  if (isCritical(pod) && pod.spec?.priorityClassName === NODE_CRITICAL) return LAST_KILLED;
  switch (qosClassOf(pod)) {
    case "Guaranteed":
      return LAST_KILLED;
    case "BestEffort":
      return FIRST_KILLED;
    case "Burstable":
      return burstable(pod, container, memoryCapacity);
  }
}

function burstable(pod: Pod, container: Container, capacity: number): number {
  const share = unclaimedShare(pod);
  const own = scored((requestsOf(container).memory ?? 0) + share, capacity);
  // A sidecar must not go before the containers it serves.
  const score = isSidecarOf(pod, container) ? Math.min(own, scored(leastRequest(pod) + share, capacity)) : own;
  if (score < LEAST_BURSTABLE) return LEAST_BURSTABLE;
  return score === FIRST_KILLED ? FIRST_KILLED - 1 : score;
}

const scored = (request: number, capacity: number): number =>
  1000 - Number((1000n * BigInt(request)) / BigInt(capacity));

/** Memory that the pod as a whole asks for beyond its containers, divided evenly. */
function unclaimedShare(pod: Pod): number {
  const asked = podLevel(pod)?.requests.memory ?? 0;
  if (asked === 0) return 0;
  const unclaimed = Math.max(0, asked - (containerTotals(pod, "requests").memory ?? 0));
  return Math.floor(unclaimed / (containersOf(pod).length + initContainersOf(pod).length));
}

const isSidecarOf = (pod: Pod, container: Container): boolean =>
  isSidecar(container) && initContainersOf(pod).some(({ name }) => name === container.name);

const leastRequest = (pod: Pod): number =>
  Math.min(...containersOf(pod).map((container) => requestsOf(container).memory ?? 0));
