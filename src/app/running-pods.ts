import type { Pod } from "../model/kubernetes.ts";
import type { ContainerSummary, SandboxSummary } from "../model/runtime.ts";

/** Pods as the runtime alone tells of them, for `/runningpods/`: names, UIDs and images of what runs now. */
export function runningPods(
  sandboxes: readonly SandboxSummary[],
  containers: readonly ContainerSummary[],
): readonly Pod[] {
  const running = containers.filter(({ state }) => state === "running");
  return sandboxes.flatMap(({ id, metadata: { name, namespace, uid } }) => {
    const own = running.filter(({ sandboxId }) => sandboxId === id);
    if (own.length === 0) return [];
    const spec = { containers: own.map((container) => ({ name: container.name, image: container.image })) };
    return [{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, uid }, spec, status: {} }];
  });
}
