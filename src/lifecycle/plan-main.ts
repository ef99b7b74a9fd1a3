import { unreachable } from "../base/fault.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { containersOf } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { hasChanged, type Start, stop } from "./plan-init.ts";
import { newestOf, type SeenContainer } from "./seen.ts";
import type { Stop } from "./step.ts";

/** Regular containers, independent of each other. */
export function planMain(
  pod: Pod,
  seen: PodSnapshot | undefined,
  restarting: ReadonlySet<string>,
): { readonly starts: readonly Start[]; readonly stops: readonly Stop[] } {
  const verdicts = containersOf(pod)
    .map((container) => judge(pod, container, newestOf(seen, container.name), restarting))
    .filter((verdict) => verdict !== "keep");
  return {
    starts: verdicts.filter((verdict) => "container" in verdict),
    stops: verdicts.filter((verdict) => "id" in verdict),
  };
}

function judge(
  pod: Pod,
  container: Container,
  seen: SeenContainer | undefined,
  restarting: ReadonlySet<string>,
): "keep" | Start | Stop {
  if (!seen) return { container, finishedAt: undefined };
  switch (seen.state) {
    case "created":
      return { container, finishedAt: undefined };
    case "running":
      if (!hasChanged(container, seen)) return "keep";
      return stop(pod, seen, `Container ${container.name} definition changed, will be restarted`);
    case "exited":
      return restarting.has(seen.id) || mayRestart(pod, container, seen.exitCode)
        ? { container, finishedAt: seen.finishedAt }
        : "keep";
    case "unknown":
      return stop(pod, seen, `Container is in "unknown" state, try killing it before restart`);
    default:
      return unreachable(seen.state);
  }
}
