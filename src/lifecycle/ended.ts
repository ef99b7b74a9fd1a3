import type { Container, Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isSidecar } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { newestOf, type SeenContainer } from "./seen.ts";

/** Whether the pod has run its course: an init container failed for good, or every regular container ended for good. */
export function hasEnded(pod: Pod, seen: PodSnapshot | undefined, restarting: ReadonlySet<string>): boolean {
  const regular = containersOf(pod).map((container) => newestOf(seen, container.name));
  const begun = regular.some((container) => container !== undefined);
  if (!begun && initContainersOf(pod).some((container) => hasFailed(pod, container, newestOf(seen, container.name)))) {
    return true;
  }
  return containersOf(pod).every((container, place) => {
    const newest = regular[place];
    return newest?.state === "exited" && !restarting.has(newest.id) && !mayRestart(pod, container, newest.exitCode);
  });
}

/** A kill for want of memory is a failure, whatever the exit code says. */
export const hasSucceeded = (container: SeenContainer): boolean =>
  container.exitCode === 0 && container.reason !== "OOMKilled";

function hasFailed(pod: Pod, container: Container, seen: SeenContainer | undefined): boolean {
  if (isSidecar(container) || seen?.state !== "exited" || hasSucceeded(seen)) return false;
  return !mayRestart(pod, container, seen.exitCode || 1);
}
