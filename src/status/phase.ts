import type { Container, ContainerStatus, Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isSidecar, isStatic } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";

export type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

export interface PhaseInput {
  readonly pod: Pod;
  /** Of init and regular containers. */
  readonly statuses: readonly ContainerStatus[];
  /** The pod never starts anything again. */
  readonly terminal: boolean;
  /** A regular container was made in the sandbox that serves now. */
  readonly initialised: boolean;
}

/** What a container adds to the phase. `exitCode` is that of its last run; one that was to run again has not succeeded. */
type Share =
  | { readonly kind: "running" }
  | { readonly kind: "waiting" }
  | { readonly kind: "unknown" }
  | { readonly kind: "stopped"; readonly exitCode: number; readonly succeeded: boolean };

/** The phase of a pod by its containers' statuses; ephemeral containers never count. */
export function phaseOf({ pod, statuses, terminal, initialised }: PhaseInput): Phase {
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const share = (container: Container): Share => shareOf(byName.get(container.name));
  const init = initContainersOf(pod);
  const steps = init.filter((container) => !isSidecar(container));
  const sidecars = init.filter(isSidecar);
  const regular = containersOf(pod);

  if (steps.some((step) => hasFailed(pod, step, share(step)))) return "Failed";
  if (steps.some((step) => share(step).kind !== "stopped")) return "Pending";
  if (!initialised && sidecars.some((sidecar) => isPending(byName.get(sidecar.name)))) return "Pending";

  // A sidecar that ended does not count: the others decide.
  const shares = [...sidecars.map(share).filter(({ kind }) => kind !== "stopped"), ...regular.map(share)];
  const has = (kind: Share["kind"]) => shares.some((one) => one.kind === kind);
  if (has("waiting")) return "Pending";
  if (has("unknown")) return "Pending";
  if (has("running")) return "Running";
  if (!has("stopped")) return "Pending";
  return endPhase(pod, regular, share, terminal);
}

/** Everything stopped. Static pods are not forced into a terminal phase: their file may still be there. */
function endPhase(
  pod: Pod,
  regular: readonly Container[],
  share: (container: Container) => Share,
  terminal: boolean,
): Phase {
  const stopped = regular.flatMap((container) => {
    const one = share(container);
    return one.kind === "stopped" ? [{ container, ...one }] : [];
  });
  const end = stopped.every(({ succeeded }) => succeeded) ? "Succeeded" : "Failed";
  if (terminal && !isStatic(pod)) return end;
  return stopped.some(({ container, exitCode }) => mayRestart(pod, container, exitCode)) ? "Running" : end;
}

/** Waiting after a run counts as stopped: a container in crash back-off does not make its pod look new. */
function shareOf(status: ContainerStatus | undefined): Share {
  const { state, lastState } = status ?? {};
  if (state?.running) return { kind: "running" };
  if (state?.terminated) {
    const { exitCode } = state.terminated;
    return { kind: "stopped", exitCode, succeeded: exitCode === 0 };
  }
  if (!state?.waiting) return { kind: "unknown" };
  if (!lastState?.terminated) return { kind: "waiting" };
  return { kind: "stopped", exitCode: lastState.terminated.exitCode, succeeded: false };
}

const hasFailed = (pod: Pod, step: Container, share: Share): boolean =>
  share.kind === "stopped" && share.exitCode !== 0 && !mayRestart(pod, step, share.exitCode);

/** A sidecar that has yet to start for the first time. */
function isPending(status: ContainerStatus | undefined): boolean {
  const share = shareOf(status);
  if (share.kind === "running") return status?.started !== true;
  return status !== undefined && (share.kind === "waiting" || share.kind === "unknown");
}
