import type { Container, ContainerStatus, Pod, PodCondition } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isSidecar } from "../model/pod.ts";
import type { Phase } from "./phase.ts";

/** A condition without its times and generation. */
export interface Verdict {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason?: string;
  readonly message?: string;
}

export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: Phase;
  /** Of init and regular containers. */
  readonly statuses: readonly ContainerStatus[];
  /** Conditions that somebody else owns: readiness gates look at them. */
  readonly foreign: readonly PodCondition[];
  readonly wasInitialised: boolean;
  /** Why a new sandbox is needed; undefined: it is not. */
  readonly sandboxReason: string | undefined;
}

/** Every condition that the node decides about, in upstream's order. */
export function conditionsOf(input: ConditionInput): readonly Verdict[] {
  const containersReady = containersReadyOf(input);
  return [
    sandboxCondition(input.sandboxReason),
    initialisedOf(input),
    readyOf(input, containersReady),
    containersReady,
    { type: "PodScheduled", status: "True" },
  ];
}

function sandboxCondition(reason: string | undefined): Verdict {
  const type = "PodReadyToStartContainers";
  if (reason === undefined) return { type, status: "True" };
  return { type, status: "False", reason: "PodSandboxNotReady", message: reason };
}

function initialisedOf({ pod, phase, statuses, wasInitialised }: ConditionInput): Verdict {
  const type = "Initialized";
  const { unknown, failing } = sort(initContainersOf(pod), statuses, isInitialised);
  if (phase === "Succeeded" && unknown.length === 0) return { type, status: "True", reason: "PodCompleted" };
  // Sidecars that start again do not take back what was reached.
  if (hasStarted(pod, statuses) || wasInitialised) return { type, status: "True" };
  const message = listText(unknown, failing, "incomplete");
  if (message === "") return { type, status: "True" };
  return { type, status: "False", reason: "ContainersNotInitialized", message };
}

const isInitialised = (container: Container, status: ContainerStatus): boolean =>
  isSidecar(container) ? status.started === true : status.ready;

function hasStarted(pod: Pod, statuses: readonly ContainerStatus[]): boolean {
  const names = new Set(containersOf(pod).map(({ name }) => name));
  return statuses.some(({ name, state }) => names.has(name) && (state?.running ?? state?.terminated) !== undefined);
}

function containersReadyOf({ pod, phase, statuses }: ConditionInput): Verdict {
  const type = "ContainersReady";
  const containers = [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)];
  const { unknown, failing } = sort(containers, statuses, (_, status) => status.ready);
  if (phase === "Succeeded" && unknown.length === 0) return { type, status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { type, status: "False", reason: "PodFailed" };
  const message = listText(unknown, failing, "unready");
  return message === "" ? { type, status: "True" } : { type, status: "False", reason: "ContainersNotReady", message };
}

function readyOf({ pod, foreign }: ConditionInput, containersReady: Verdict): Verdict {
  if (containersReady.status === "False") return { ...containersReady, type: "Ready" };
  const problems = (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = foreign.find(({ type }) => type === conditionType);
    if (!gate) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (gate.status === "True") return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  if (problems.length === 0) return { type: "Ready", status: "True" };
  return { type: "Ready", status: "False", reason: "ReadinessGatesNotReady", message: problems.join(", ") };
}

interface Sorted {
  readonly unknown: readonly string[];
  readonly failing: readonly string[];
}

function sort(
  containers: readonly Container[],
  statuses: readonly ContainerStatus[],
  isGood: (container: Container, status: ContainerStatus) => boolean,
): Sorted {
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const unknown: string[] = [];
  const failing: string[] = [];
  for (const container of containers) {
    const status = byName.get(container.name);
    if (!status) unknown.push(container.name);
    else if (!isGood(container, status)) failing.push(container.name);
  }
  return { unknown, failing };
}

function listText(unknown: readonly string[], failing: readonly string[], word: string): string {
  return [
    ...(unknown.length > 0 ? [`containers with unknown status: [${unknown.join(" ")}]`] : []),
    ...(failing.length > 0 ? [`containers with ${word} status: [${failing.join(" ")}]`] : []),
  ].join(", ");
}
