import type { Container, Pod } from "../model/kubernetes.ts";
import { limitDeclared, podLevel } from "../model/pod-level.ts";
import { type Amounts, limitsOf, podLimits, podRequests, qosClassOf, requestsOf } from "../model/pod-resources.ts";
import type { StringMap } from "../model/runtime.ts";
import type { ResourceFacts } from "./facts.ts";

/**
 * Memory QoS, cgroup v2 only: what a container's cgroup gets beside its limit.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2570-memory-qos
 */
export function containerMemoryQos(pod: Pod, container: Container, facts: ResourceFacts): StringMap {
  if (facts.cgroupVersion === 1) return {};
  // Sent even if the gate was never on: takes back what an earlier life of the kubelet set.
  if (!facts.policy.memoryQoS) return { "memory.high": "max" };
  const request = requestsOf(container).memory ?? 0;
  return { ...reservation(pod, request, facts), ...containerHigh(pod, container, facts) };
}

/** The pod cgroup's own keys: nothing under the policy None, unlike containers. */
export function podMemoryQos(pod: Pod, facts: ResourceFacts): StringMap {
  const { cgroupVersion, policy } = facts;
  if (cgroupVersion === 1 || !policy.memoryQoS) return {};
  const requests = podRequests(pod);
  const request = requests.memory ?? 0;
  const kept = policy.memoryReservationPolicy === "TieredReservation" && request > 0 ? protection(pod, request) : {};
  return { ...kept, ...podHigh(pod, requests, podLimits(pod), facts) };
}

function reservation(pod: Pod, request: number, { policy }: ResourceFacts): StringMap {
  if (policy.memoryReservationPolicy === "TieredReservation" && request !== 0) return protection(pod, request);
  return { "memory.min": "0", "memory.low": "0" };
}

/** Guaranteed memory is never reclaimed, other memory last. */
const protection = (pod: Pod, request: number): StringMap =>
  qosClassOf(pod) === "Guaranteed" ? { "memory.min": `${request}` } : { "memory.low": `${request}` };

function containerHigh(pod: Pod, container: Container, facts: ResourceFacts): StringMap {
  const factor = facts.policy.memoryThrottlingFactor;
  const request = requestsOf(container).memory ?? 0;
  const limit = limitsOf(container).memory ?? 0;
  // With a limit on the pod only, the pod's own memory.high throttles all of it.
  const leftToPod = limit === 0 && Boolean(podLevel(pod)?.limits.memory);
  if (factor === undefined || leftToPod || (request === limit && request !== 0)) return {};
  return high(request, limit === 0 ? (facts.allocatableMemoryBytes ?? 0) : limit, factor, facts.pageSize);
}

function podHigh(pod: Pod, requests: Amounts, limits: Amounts, facts: ResourceFacts): StringMap {
  const factor = facts.policy.memoryThrottlingFactor;
  if (factor === undefined || podLevel(pod) === undefined || !limitDeclared(pod, "memory")) return {};
  const { memory: request = 0 } = requests;
  const { memory: limit = 0 } = limits;
  return request === limit && request !== 0 ? {} : high(request, limit, factor, facts.pageSize);
}

/** floor((request + factor × (limit − request)) / page) × page; only where that is above the request. */
function high(request: number, limit: number, factor: number, pageSize: number): StringMap {
  if (limit === 0) return {};
  const value = Math.floor(Math.floor(request + (limit - request) * factor) / pageSize) * pageSize;
  return value > request ? { "memory.high": `${value}` } : {};
}
