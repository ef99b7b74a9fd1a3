import { unreachable } from "../base/fault.ts";
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  VolumeMountStatus,
} from "../model/kubernetes.ts";
import { ANNOTATION_RESTART_COUNT } from "../model/names.ts";
import { allContainersOf, ephemeralContainersOf, initContainersOf, isDeleted, isSidecar } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { timeText } from "../model/time.ts";
import { type ProbeVerdicts, UNWATCHED } from "../probes/index.ts";
import { resourcesInForce } from "./container-resources.ts";
import { anyRegularCreated, instancesOf, isToStart, type SeenContainer } from "./seen.ts";
import { wholeMessage } from "./termination-message.ts";

/** Why a container does not run, in the words of its status. */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
}

export interface ContainerInput {
  readonly pod: Pod;
  readonly seen: PodSnapshot;
  readonly startFailures: ReadonlyMap<string, StartFailure>;
  /** Container id -> last words of an ended container. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** `containerd`: what stands before `://` in ids. */
  readonly runtimeName: string;
  /** What probes found; absent: nobody asked. */
  readonly probes?: Pick<ProbeVerdicts, "isReady" | "hasStarted"> | undefined;
  /** The pod never starts anything again. */
  readonly terminal: boolean;
}

/** A container is gone and nobody saw how: reported like a kill. */
const LOST_EXIT_CODE = 137;

/** Statuses of containers of one kind, in spec order. */
export function containerStatuses(
  input: ContainerInput,
  containers: readonly Container[],
  previous: readonly ContainerStatus[],
): readonly ContainerStatus[] {
  const before = new Map(previous.map((status) => [status.name, status]));
  return containers.map((container) => {
    const old = before.get(container.name);
    const [newest, second] = instancesOf(input.seen, container.name);
    const status = newest
      ? withInstances(input, container, old, newest, second)
      : absentStatus(input.pod, container, old);
    return withReadiness(input, container, withStartFailure(input, container, status, newest));
  });
}

/** The runtime has no instance: it never ran, or its record is gone. */
function absentStatus(pod: Pod, container: Container, old: ContainerStatus | undefined): ContainerStatus {
  if (old?.state?.terminated) return old;
  const reason = initContainersOf(pod).length > 0 ? "PodInitializing" : "ContainerCreating";
  const lost = old?.state?.running !== undefined && !old.lastState?.terminated;
  const last: ContainerState | undefined = lost
    ? {
        terminated: {
          exitCode: LOST_EXIT_CODE,
          reason: "ContainerStatusUnknown",
          message: "The container could not be located when the pod was deleted.  The container used to be Running",
        },
      }
    : old?.lastState;
  return {
    name: container.name,
    image: container.image ?? "",
    imageID: "",
    state: { waiting: { reason } },
    ...(last ? { lastState: last } : {}),
    restartCount: (old?.restartCount ?? 0) + (lost && !isDeleted(pod) ? 1 : 0),
    ready: false,
    ...mountStatuses(container, undefined),
  };
}

function withInstances(
  input: ContainerInput,
  container: Container,
  old: ContainerStatus | undefined,
  newest: SeenContainer,
  second: SeenContainer | undefined,
): ContainerStatus {
  const id = `${input.runtimeName}://${newest.id}`;
  const state = stateOf(input, newest, old);
  const last = lastStateOf(input, id, old, second);
  // Counted once, when it is told: it may stay unknown for long.
  const lostNow = newest.state === "unknown" && old?.state?.running !== undefined;
  const count = Math.max(restartCountOf(newest), old?.restartCount ?? 0);
  const requests = container.resources?.requests;
  return {
    name: container.name,
    state,
    ...(last ? { lastState: last } : {}),
    ready: false,
    restartCount: lostNow ? (old?.restartCount ?? 0) + 1 : count,
    image: newest.image,
    // The digest form has always been called an id here.
    imageID: newest.imageRef,
    containerID: id,
    ...(requests ? { allocatedResources: requests } : {}),
    resources: resourcesInForce(container, newest, old, id),
    ...mountStatuses(container, old),
    ...(newest.user ? { user: { linux: newest.user } } : {}),
  };
}

function restartCountOf({ annotations, attempt }: SeenContainer): number {
  const count = Number(annotations[ANNOTATION_RESTART_COUNT] ?? attempt);
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}

/** The second newest instance; where the runtime has removed it, what the last status said of it. */
function lastStateOf(
  input: ContainerInput,
  id: string,
  old: ContainerStatus | undefined,
  second: SeenContainer | undefined,
): ContainerState | undefined {
  if (second) return stateOf(input, second, old);
  if (old?.state?.terminated && old.containerID !== id) return { terminated: old.state.terminated };
  const last = old?.lastState?.terminated;
  // While the newest instance waited to start again its own end stood there.
  return last && last.containerID !== id ? { terminated: last } : undefined;
}

function stateOf(input: ContainerInput, seen: SeenContainer, old: ContainerStatus | undefined): ContainerState {
  switch (seen.state) {
    case "running":
      return { running: { startedAt: timeText(seen.startedAt ?? 0) } };
    case "created":
      return { waiting: {} };
    case "exited":
      return { terminated: terminatedOf(input, seen, old) };
    case "unknown":
      // "Never ran" and "ran, then lost" are different things to whoever decides whether it runs again.
      if (old?.state?.terminated && old.containerID === `${input.runtimeName}://${seen.id}`) return old.state;
      if (!old?.state?.running) return { waiting: {} };
      return {
        terminated: {
          exitCode: LOST_EXIT_CODE,
          reason: "ContainerStatusUnknown",
          message: "The container could not be located when the pod was terminated",
        },
      };
    default:
      return unreachable(seen.state);
  }
}

function terminatedOf(
  input: ContainerInput,
  seen: SeenContainer,
  old: ContainerStatus | undefined,
): ContainerStateTerminated {
  const id = `${input.runtimeName}://${seen.id}`;
  const own = input.terminationMessages.get(seen.id);
  const told = [old?.state?.terminated, old?.lastState?.terminated].find((state) => state?.containerID === id);
  const message =
    own === undefined && told?.message
      ? told.message
      : wholeMessage(seen.message, own ?? "", allContainersOf(input.pod).length);
  return {
    exitCode: seen.exitCode,
    ...(seen.reason === "" ? {} : { reason: seen.reason }),
    ...(message === "" ? {} : { message }),
    startedAt: timeText(seen.startedAt ?? 0),
    finishedAt: timeText(seen.finishedAt ?? 0),
    containerID: id,
  };
}

/** A container that starts next but could not shows why, and its end moves to `lastState`. */
function withStartFailure(
  input: ContainerInput,
  container: Container,
  status: ContainerStatus,
  newest: SeenContainer | undefined,
): ContainerStatus {
  const { pod, seen } = input;
  const isInit = initContainersOf(pod).includes(container);
  if (isInit && newest?.state === "exited" && newest.exitCode === 0) return status;
  if (isInit && !isSidecar(container) && !newest && status.state?.waiting && anyRegularCreated(pod, seen)) {
    return { ...status, state: { terminated: ASSUMED_DONE } };
  }
  const failure = input.startFailures.get(container.name);
  if (!failure || input.terminal || !isToStart(pod, container, newest)) return status;
  return {
    ...status,
    ...(status.state?.terminated ? { lastState: status.state } : {}),
    state: { waiting: { reason: failure.reason, ...(failure.message === "" ? {} : { message: failure.message }) } },
  };
}

const ASSUMED_DONE: ContainerStateTerminated = {
  exitCode: 0,
  reason: "Completed",
  message:
    "Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally",
};

function withReadiness(input: ContainerInput, container: Container, status: ContainerStatus): ContainerStatus {
  // Nobody waits for a container that is there to look at the others.
  if (ephemeralContainersOf(input.pod).includes(container)) return status;
  const { probes = UNWATCHED } = input;
  const id = status.containerID?.slice(`${input.runtimeName}://`.length) ?? "";
  const runs = status.state?.running !== undefined;
  if (initContainersOf(input.pod).includes(container) && !isSidecar(container))
    return { ...status, started: runs, ready: status.state?.terminated?.exitCode === 0 };
  const started = runs && probes.hasStarted(container, id);
  return { ...status, started, ready: started && probes.isReady(container, id) };
}

function mountStatuses(
  { volumeMounts = [] }: Container,
  old: ContainerStatus | undefined,
): { readonly volumeMounts?: readonly VolumeMountStatus[] } {
  if (old?.volumeMounts) return { volumeMounts: old.volumeMounts };
  if (volumeMounts.length === 0) return {};
  return {
    volumeMounts: volumeMounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly ? { readOnly, recursiveReadOnly: "Disabled" } : {}),
    })),
  };
}
