import { unreachable } from "../base/fault.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { containersOf } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { type About, endBefore, hasChanged, type Start, stop, stopForProbe } from "./plan-init.ts";
import { newestOf, type SeenContainer } from "./seen.ts";
import type { Stop } from "./step.ts";

/** Regular containers, independent of each other. */
export function planMain(
  pod: Pod,
  seen: PodSnapshot | undefined,
  about: About,
): { readonly starts: readonly Start[]; readonly stops: readonly Stop[] } {
  const verdicts = containersOf(pod)
    .map((container) => judge(pod, container, newestOf(seen, container.name), seen, about))
    .filter((verdict) => verdict !== "keep");
  return {
    starts: verdicts.filter((verdict) => "container" in verdict),
    stops: verdicts.filter((verdict) => "id" in verdict),
  };
}

function judge(
  pod: Pod,
  container: Container,
  one: SeenContainer | undefined,
  seen: PodSnapshot | undefined,
  { probes, restarting }: About,
): "keep" | Start | Stop {
  if (!one) return { container, finishedAt: undefined };
  switch (one.state) {
    case "created":
      return { container, finishedAt: undefined };
    case "running": {
      if (hasChanged(container, one))
        return stop(pod, one, `Container ${container.name} definition changed, will be restarted`);
      const failed = probes.failed(one.id);
      return failed ? stopUnwell(pod, container, one, failed) : "keep";
    }
    case "exited":
      return restarting.has(one.id) || mayRestart(pod, container, one.exitCode)
        ? { container, finishedAt: endBefore(seen, one, restarting) }
        : "keep";
    case "unknown":
      return stop(pod, one, `Container is in "unknown" state, try killing it before restart`);
    default:
      return unreachable(one.state);
  }
}

/** Starts again unless the policy is Never. Rules by exit code are not asked: it did not end by itself. */
function stopUnwell(pod: Pod, container: Container, one: SeenContainer, failed: "liveness" | "startup"): Stop {
  const restart = (container.restartPolicy ?? pod.spec?.restartPolicy) !== "Never";
  const text = `Container ${container.name} failed ${failed} probe${restart ? ", will be restarted" : ""}`;
  return { ...stopForProbe(pod, container, one, failed, text), restart };
}
