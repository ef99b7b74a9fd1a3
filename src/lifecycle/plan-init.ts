import { unreachable } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import { containerHash } from "../model/container-hash.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONTAINER_HASH } from "../model/names.ts";
import { containersOf, gracePeriodOf, initContainersOf, isDeleted, isSidecar } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { type ProbeVerdicts, probeOf } from "../probes/index.ts";
import { hasSucceeded } from "./ended.ts";
import { newestOf, type SeenContainer } from "./seen.ts";
import type { Stop } from "./step.ts";

/** A container that is to run; `finishedAt` (ms since the epoch) is that of the instance it replaces. */
export interface Start {
  readonly container: Container;
  readonly finishedAt: number | undefined;
}

export interface InitPlan {
  /** Regular containers may start. */
  readonly initialised: boolean;
  readonly starts: readonly Start[];
  readonly stops: readonly Stop[];
}

/** What is known beside what is wanted and seen. */
export interface About {
  readonly probes: ProbeVerdicts;
  /** Ids of containers that were stopped in order to start again. */
  readonly restarting: ReadonlySet<string>;
}

type Verdict = "next" | "wait" | Start | Stop;

/**
 * Init containers run one after another; a sidecar stays and lets the next begin once it runs. Only the active sandbox counts:
 * records of an older one prove nothing, but any regular container in this one proves that initialisation is done.
 */
export function planInit(pod: Pod, seen: PodSnapshot | undefined, sandboxId: string, about: About): InitPlan {
  const containers = initContainersOf(pod);
  const initialised = containersOf(pod).some(({ name }) => newestOf(seen, name, sandboxId) !== undefined);
  if (initialised) return { initialised, ...upkeep(pod, containers, seen, sandboxId, about) };

  // Completed ones may have been removed, so the last one that left a record tells how far it went.
  const reached = containers.findLastIndex(({ name }) => newestOf(seen, name, sandboxId) !== undefined);
  const kept = upkeep(pod, containers.slice(0, Math.max(reached, 0)), seen, sandboxId, about);
  for (const container of containers.slice(Math.max(reached, 0))) {
    const verdict = judge(pod, container, newestOf(seen, container.name, sandboxId), seen, about);
    if (verdict === "next") continue;
    if (verdict === "wait") return { initialised: false, ...kept };
    if ("container" in verdict) return { initialised: false, ...kept, starts: [...kept.starts, verdict] };
    return { initialised: false, ...kept, stops: [...kept.stops, verdict] };
  }
  return { initialised: true, ...kept };
}

/** Sidecars that should run and do not. */
function upkeep(
  pod: Pod,
  containers: readonly Container[],
  seen: PodSnapshot | undefined,
  sandboxId: string,
  about: About,
): Pick<InitPlan, "starts" | "stops"> {
  const verdicts = containers
    .filter(isSidecar)
    .map((container) => judge(pod, container, newestOf(seen, container.name, sandboxId), seen, about))
    .filter((verdict) => verdict !== "next" && verdict !== "wait");
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
): Verdict {
  if (!one) return { container, finishedAt: undefined };
  switch (one.state) {
    case "created":
      return { container, finishedAt: undefined };
    case "running": {
      if (!isSidecar(container)) return "wait";
      const failed = probes.failed(one.id);
      if (failed)
        return stopForProbe(pod, container, one, failed, `Init container ${container.name} failed ${failed} probe`);
      if (!probes.hasStarted(container, one.id)) return "wait";
      return hasChanged(container, one)
        ? stop(pod, one, `Init container ${container.name} definition changed`)
        : "next";
    }
    case "exited":
      return !isSidecar(container) && hasSucceeded(one)
        ? "next"
        : { container, finishedAt: endBefore(seen, one, restarting) };
    case "unknown":
      return stop(pod, one, `Init container is in "unknown" state, try killing it before restart`);
    default:
      return unreachable(one.state);
  }
}

/**
 * The end that the back-off of the next start counts from. Of a container that was stopped in order to start again it is that of the
 * run before: the wait is for those that end by themselves, or too soon after each other.
 */
export function endBefore(
  seen: PodSnapshot | undefined,
  one: SeenContainer,
  restarting: ReadonlySet<string>,
): number | undefined {
  if (!restarting.has(one.id)) return one.finishedAt;
  return seen?.containers.find(({ id, name, state }) => name === one.name && id !== one.id && state === "exited")
    ?.finishedAt;
}

/** Whether name or image differ from those the container was made with. A container without the mark is left alone. */
export function hasChanged(container: Container, seen: SeenContainer): boolean {
  const hash = seen.annotations[ANNOTATION_CONTAINER_HASH];
  return hash !== undefined && hash !== containerHash(container);
}

/** The probe may have a grace of its own, unless the pod is being deleted. */
export function stopForProbe(
  pod: Pod,
  container: Container,
  seen: SeenContainer,
  failed: "liveness" | "startup",
  message: string,
): Stop {
  const own = probeOf(container, failed)?.terminationGracePeriodSeconds;
  const general = stop(pod, seen, message);
  return own === undefined || isDeleted(pod) ? general : { ...general, grace: seconds(own) };
}

export const stop = (pod: Pod, seen: SeenContainer, message: string): Stop => ({
  id: seen.id,
  name: seen.name,
  grace: gracePeriodOf(pod),
  message,
  restart: true,
  after: [],
});
