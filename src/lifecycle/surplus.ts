import type { PodSnapshot } from "../model/runtime.ts";
import type { Step } from "./plan.ts";
import { newestOf } from "./seen.ts";

/**
 * Dead instances that nobody needs any more: beyond the newest dead one of each container name (kept for its logs and last state),
 * and sandboxes that are not ready, hold nothing and are not the newest.
 */
export function surplus(seen: PodSnapshot | undefined): readonly Step[] {
  if (!seen) return [];
  const kept = new Set<string>();
  const containers = seen.containers.filter(({ id, name, state }) => {
    if (state === "running" || state === "unknown") return false;
    if (state === "created" && newestOf(seen, name)?.id !== id) return true;
    if (kept.has(name)) return true;
    kept.add(name);
    return false;
  });
  const used = new Set(seen.containers.map(({ sandboxId }) => sandboxId));
  const sandboxes = seen.sandboxes.slice(1).filter(({ id, state }) => state === "not-ready" && !used.has(id));
  return [
    ...containers.map(({ id, name }) => ({ kind: "remove-container" as const, id, name })),
    ...sandboxes.map(({ id }) => ({ kind: "remove-sandbox" as const, id })),
  ];
}
