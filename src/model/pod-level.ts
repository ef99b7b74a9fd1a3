import type { Pod } from "./kubernetes.ts";
import { containersOf, initContainersOf } from "./pod.ts";
import { type Amounts, amountsOf, isPodLevelResource, limitsOf } from "./pod-resources.ts";

/** What `spec.resources` itself asks for; undefined where it asks for nothing that may stand there. */
export function podLevel(pod: Pod): { readonly requests: Amounts; readonly limits: Amounts } | undefined {
  const requests = amountsOf(pod.spec?.resources?.requests);
  const limits = amountsOf(pod.spec?.resources?.limits);
  const set = [...Object.keys(requests), ...Object.keys(limits)].some(isPodLevelResource);
  return set ? { requests, limits } : undefined;
}

/** May the pod's cgroup have this limit? Only if every container has one, or the pod as a whole. */
export function limitDeclared(pod: Pod, resource: "cpu" | "memory"): boolean {
  if (podLevel(pod)?.limits[resource]) return true;
  return [...initContainersOf(pod), ...containersOf(pod)].every((container) => Boolean(limitsOf(container)[resource]));
}
