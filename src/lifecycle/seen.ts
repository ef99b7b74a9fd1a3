import type { PodSnapshot } from "../model/runtime.ts";

export type SeenContainer = PodSnapshot["containers"][number];

/**
 * The newest instance of a container name, in any sandbox or in the one given. One that was only created does not hide one that runs:
 * it came of a call that was thought lost.
 */
export function newestOf(seen: PodSnapshot | undefined, name: string, sandboxId?: string): SeenContainer | undefined {
  const isOne = (container: SeenContainer) =>
    container.name === name && (sandboxId === undefined || container.sandboxId === sandboxId);
  const newest = seen?.containers.find(isOne);
  if (newest?.state !== "created") return newest;
  return seen?.containers.find((container) => isOne(container) && container.state === "running") ?? newest;
}

/** What may still have a live process. After a crash of the runtime "unknown" means: stop it before anything else. */
export function runningIn(seen: PodSnapshot | undefined): readonly SeenContainer[] {
  return (seen?.containers ?? []).filter(({ state }) => state === "running" || state === "unknown");
}
