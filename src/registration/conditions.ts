import type { NodeCondition, Time } from "../model/kubernetes.ts";
import type { Pressure, PressureKind } from "./pressure.ts";

/** A condition changed its status: what the event about it is called. */
export interface ConditionChange {
  readonly type: string;
  readonly reason: string;
}

/** Conditions of the Node as they are to be, and what changed. */
export interface ConditionUpdate {
  readonly conditions: readonly NodeCondition[];
  readonly changes: readonly ConditionChange[];
}

interface Wording {
  readonly reason: string;
  readonly message: string;
  readonly event: string;
}

const PRESSURES: readonly {
  readonly type: string;
  readonly kind: PressureKind;
  readonly under: Wording;
  readonly free: Wording;
}[] = [
  {
    type: "MemoryPressure",
    kind: "memory",
    under: {
      reason: "KubeletHasInsufficientMemory",
      message: "kubelet has insufficient memory available",
      event: "NodeHasInsufficientMemory",
    },
    free: {
      reason: "KubeletHasSufficientMemory",
      message: "kubelet has sufficient memory available",
      event: "NodeHasSufficientMemory",
    },
  },
  {
    type: "DiskPressure",
    kind: "disk",
    under: { reason: "KubeletHasDiskPressure", message: "kubelet has disk pressure", event: "NodeHasDiskPressure" },
    free: {
      reason: "KubeletHasNoDiskPressure",
      message: "kubelet has no disk pressure",
      event: "NodeHasNoDiskPressure",
    },
  },
  {
    type: "PIDPressure",
    kind: "pid",
    under: {
      reason: "KubeletHasInsufficientPID",
      message: "kubelet has insufficient PID available",
      event: "NodeHasInsufficientPID",
    },
    free: {
      reason: "KubeletHasSufficientPID",
      message: "kubelet has sufficient PID available",
      event: "NodeHasSufficientPID",
    },
  },
];

export const READY = "Ready";

/**
 * The kubelet's four conditions put into those the Node has, each where it stands, new ones behind, Ready last.
 * `problems`: why the node can't run pods; none: it is ready.
 */
export function updateConditions(
  before: readonly NodeCondition[],
  pressure: Pressure,
  problems: readonly string[],
  now: Time,
): ConditionUpdate {
  const conditions = [...before];
  const changes: ConditionChange[] = [];
  for (const { type, kind, under, free } of PRESSURES) {
    const status = pressure[kind] ? "True" : "False";
    const old = conditions.find((condition) => condition.type === type);
    const { reason, message, event } = pressure[kind] ? under : free;
    // Upstream leaves the words of a pressure alone while its status stays.
    const next =
      old?.status === status
        ? { ...old, lastHeartbeatTime: now }
        : { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: now };
    if (old?.status !== status) changes.push({ type, reason: event });
    put(conditions, next);
  }
  const old = conditions.find(({ type }) => type === READY);
  const ready = readyCondition(problems, old, now);
  if (old && old.status !== ready.status)
    changes.push({ type: READY, reason: ready.status === "True" ? "NodeReady" : "NodeNotReady" });
  put(conditions, ready);
  return { conditions, changes };
}

function readyCondition(problems: readonly string[], old: NodeCondition | undefined, now: Time): NodeCondition {
  const status = problems.length === 0 ? "True" : "False";
  return {
    type: READY,
    status,
    reason: status === "True" ? "KubeletReady" : "KubeletNotReady",
    message: status === "True" ? "kubelet is posting ready status" : joined(problems),
    lastHeartbeatTime: now,
    lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now,
  };
}

/** As Go prints several errors: each text once. */
export function joined(problems: readonly string[]): string {
  const texts = [...new Set(problems)];
  return texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
}

function put(conditions: NodeCondition[], next: NodeCondition): void {
  const place = conditions.findIndex(({ type }) => type === next.type);
  if (place < 0) conditions.push(next);
  else conditions[place] = next;
}

/** Whether anything but the time of the last heartbeat differs, in whatever order they stand. */
export function conditionsDiffer(a: readonly NodeCondition[], b: readonly NodeCondition[]): boolean {
  if (a.length !== b.length) return true;
  const others = new Map(b.map((condition) => [condition.type, condition]));
  return a.some((one) => {
    const other = others.get(one.type);
    return (
      other === undefined ||
      one.status !== other.status ||
      one.reason !== other.reason ||
      one.message !== other.message ||
      one.lastTransitionTime !== other.lastTransitionTime
    );
  });
}
