import type { Container, Pod } from "../model/kubernetes.ts";
import { containersOf, isDeleted } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { PodSnapshot } from "../model/runtime.ts";

export type SeenContainer = PodSnapshot["containers"][number];

/** Instances of one container, newest first. */
export const instancesOf = (seen: PodSnapshot, name: string): readonly SeenContainer[] =>
  seen.containers.filter((container) => container.name === name);

/** Whether a regular container was ever made, in whatever sandbox. */
export const anyRegularCreated = (pod: Pod, seen: PodSnapshot): boolean =>
  containersOf(pod).some(({ name }) => {
    const state = instancesOf(seen, name)[0]?.state;
    return state !== undefined && state !== "unknown";
  });

/** Whether a regular container was made in the sandbox that serves now: the pod is then initialised. */
export function anyRegularActive(pod: Pod, seen: PodSnapshot): boolean {
  const newest = seen.sandboxes[0];
  if (newest?.state !== "ready") return false;
  const names = new Set(containersOf(pod).map(({ name }) => name));
  return seen.containers.some(({ name, sandboxId }) => sandboxId === newest.id && names.has(name));
}

/** Whether the next thing that happens to a container is a start. */
export function isToStart(pod: Pod, container: Container, newest: SeenContainer | undefined): boolean {
  if (isDeleted(pod)) return false;
  if (!newest) return true;
  if (newest.state === "running") return false;
  return newest.state !== "exited" || mayRestart(pod, container, newest.exitCode);
}
