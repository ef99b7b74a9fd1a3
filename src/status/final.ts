import type { ContainerStatus, Pod, PodStatus } from "../model/kubernetes.ts";
import { initContainersOf, isSidecar } from "../model/pod.ts";

/** A container that nobody saw end: reported like a kill, so that the pod is not told to have succeeded. */
const LOST: ContainerStatus["state"] = {
  terminated: {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
  },
};

type Statuses = Pick<PodStatus, "initContainerStatuses" | "containerStatuses">;

/** Statuses of containers when nothing of the pod runs any more: each that began has an end. */
export function endedStatuses<T extends Statuses>(pod: Pod, { ...statuses }: T): T {
  const { initContainerStatuses: init = [], containerStatuses: regular = [] } = statuses;
  const begun = lastBegun(init);
  return {
    ...statuses,
    ...(init.length === 0
      ? {}
      : { initContainerStatuses: init.map((one, place) => (place <= begun ? ended(one) : one)) }),
    // Before the init containers are done no regular one was ever to run.
    ...(wasInitialised(pod, init, regular) ? { containerStatuses: regular.map(ended) } : {}),
  };
}

/**
 * Statuses of a pod whose final phase was told: an end that stands there is not taken back. A kubelet that starts again may see less than the one before,
 * as of a container that was made and never started.
 */
export function keptEnds<T extends Statuses>(statuses: T, before: Statuses): T {
  const kept = (now: readonly ContainerStatus[] = [], old: readonly ContainerStatus[] = []) =>
    now.map((one) => {
      const told = old.find(({ name }) => name === one.name);
      return told?.state?.terminated && !one.state?.terminated ? told : one;
    });
  return {
    ...statuses,
    ...(statuses.initContainerStatuses
      ? { initContainerStatuses: kept(statuses.initContainerStatuses, before.initContainerStatuses) }
      : {}),
    ...(statuses.containerStatuses
      ? { containerStatuses: kept(statuses.containerStatuses, before.containerStatuses) }
      : {}),
  };
}

const ended = (status: ContainerStatus): ContainerStatus =>
  status.state?.terminated ? status : { ...status, state: LOST, ready: false, started: false };

/** Place of the last init container that shows any sign of having run; the first counts always. */
function lastBegun(init: readonly ContainerStatus[]): number {
  return Math.max(
    0,
    init.findLastIndex(({ state, lastState }) => !state?.waiting || lastState?.terminated !== undefined),
  );
}

function wasInitialised(pod: Pod, init: readonly ContainerStatus[], regular: readonly ContainerStatus[]): boolean {
  const specs = initContainersOf(pod);
  if (specs.length === 0) return true;
  if (regular.some(({ state, lastState }) => lastState?.terminated !== undefined || !state?.waiting)) return true;
  const last = init.at(-1);
  const spec = specs.find(({ name }) => name === last?.name);
  if (!last || !spec) return false;
  if (isSidecar(spec)) return last.state?.running !== undefined && last.started === true;
  return last.lastState?.terminated?.exitCode === 0 || last.state?.terminated?.exitCode === 0;
}
