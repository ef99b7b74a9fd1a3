import type { PodSnapshot } from "../model/runtime.ts";
import { newestOf } from "./seen.ts";
import type { Step } from "./step.ts";

/**
 * Dead instances that nobody needs any more: beyond the newest dead one of each container name (kept for its logs, last state and restart count),
 * and sandboxes that are not ready, hold nothing and are not the newest.
 */
export function surplus(seen: PodSnapshot | undefined): readonly Step[] {
  if (!seen) return [];
  const kept = new Set<string>();
  const containers = seen.containers.filter(({ id, name, state }) => {
    if (state === "running" || state === "unknown") return false;
    // The newest has not run and may have to go itself: the one before it stays the record of the last run, and of how many there were.
    if (state === "created") return newestOf(seen, name)?.id !== id;
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
