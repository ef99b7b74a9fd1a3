import type { Container, Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isSidecar } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { newestOf, type SeenContainer } from "./seen.ts";

/** Whether the pod has run its course: an init container failed for good, or every regular container ended for good. */
export function hasEnded(pod: Pod, seen: PodSnapshot | undefined, restarting: ReadonlySet<string>): boolean {
  const regular = containersOf(pod);
  // What a regular container did in an older sandbox does not make up for it: a new one begins from the first.
  const isPassed = ({ sandboxId }: SeenContainer) => regular.some(({ name }) => newestOf(seen, name, sandboxId));
  const hasFailedInit = initContainersOf(pod).some((container) => {
    const newest = newestOf(seen, container.name);
    return newest && hasFailed(pod, container, newest) && !isPassed(newest);
  });
  if (hasFailedInit) return true;
  return regular.every((container) => {
    const newest = newestOf(seen, container.name);
    return newest?.state === "exited" && !restarting.has(newest.id) && !mayRestart(pod, container, newest.exitCode);
  });
}

/** A kill for want of memory is a failure, whatever the exit code says. */
export const hasSucceeded = (container: SeenContainer): boolean =>
  container.exitCode === 0 && container.reason !== "OOMKilled";

function hasFailed(pod: Pod, container: Container, seen: SeenContainer): boolean {
  if (isSidecar(container) || seen.state !== "exited" || hasSucceeded(seen)) return false;
  return !mayRestart(pod, container, seen.exitCode || 1);
}
