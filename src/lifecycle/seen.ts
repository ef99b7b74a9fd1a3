import type { PodSnapshot } from "../model/runtime.ts";

export type SeenContainer = PodSnapshot["containers"][number];

/** The newest instance of a container name, in any sandbox or in the one given. */
export function newestOf(seen: PodSnapshot | undefined, name: string, sandboxId?: string): SeenContainer | undefined {
  return seen?.containers.find(
    (container) => container.name === name && (sandboxId === undefined || container.sandboxId === sandboxId),
  );
}

/** What may still have a live process. After a crash of the runtime "unknown" means: stop it before anything else. */
export function runningIn(seen: PodSnapshot | undefined): readonly SeenContainer[] {
  return (seen?.containers ?? []).filter(({ state }) => state === "running" || state === "unknown");
}
