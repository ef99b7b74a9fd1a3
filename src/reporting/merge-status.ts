import { isDeepStrictEqual } from "node:util";
import type { PodCondition, PodStatus } from "../model/kubernetes.ts";
import { hasEndedPhase } from "../model/pod.ts";
import { OWN_CONDITIONS, SHARED_CONDITION } from "../model/pod-conditions.ts";

/** Fields of a pod's status that this kubelet writes; all others are somebody else's and are never touched. */
export const OWN_FIELDS = [
  "observedGeneration",
  "phase",
  "conditions",
  "message",
  "reason",
  "hostIP",
  "hostIPs",
  "podIP",
  "podIPs",
  "startTime",
  "initContainerStatuses",
  "containerStatuses",
  "qosClass",
  "ephemeralContainerStatuses",
] as const satisfies readonly (keyof PodStatus)[];

export interface MergeInput {
  /** What the API server shows. */
  readonly base: PodStatus;
  /** What this kubelet has to say. */
  readonly wanted: PodStatus;
  /** No container of the pod can be running. */
  readonly quiet: boolean;
  /** A static pod may come again, under the same mirror pod: its end is not for ever. */
  readonly isStatic: boolean;
  /** Whole seconds, RFC 3339. */
  readonly now: string;
}

/**
 * What the status shall be in the API server: ours, with what others own left as it is. An end is never taken back, and not told before everything has
 * stopped: whoever sees it may give away what the pod held.
 */
export function mergeStatus({ base, wanted, quiet, isStatic, now }: MergeInput): PodStatus {
  const hadEnded = !isStatic && hasEndedPhase({ status: base });
  const ends = !hadEnded && hasEndedPhase({ status: wanted });
  const keepsPhase = (hadEnded && base.phase !== wanted.phase) || (ends && !quiet);
  const { phase, reason, message } = keepsPhase ? base : wanted;
  const foreign = (base.conditions ?? []).filter(({ type }) => !OWN_CONDITIONS.has(type));
  const own = (wanted.conditions ?? []).filter(({ type }) => OWN_CONDITIONS.has(type));
  const shared = ends && quiet ? wanted.conditions?.find(({ type }) => type === SHARED_CONDITION) : undefined;
  const conditions = [...(shared ? [...foreign.filter(({ type }) => type !== shared.type), shared] : foreign), ...own];
  return {
    ...base,
    ...Object.fromEntries(OWN_FIELDS.map((field) => [field, wanted[field]])),
    phase,
    reason,
    message,
    conditions: hasEndedPhase({ status: { phase } }) ? conditions.map((one) => unready(one, phase, now)) : conditions,
    observedGeneration: Math.max(base.observedGeneration ?? 0, wanted.observedGeneration ?? 0) || undefined,
  };
}

/** Traffic must not go to a pod that has ended. */
function unready(condition: PodCondition, phase: string | undefined, now: string): PodCondition {
  const { type, status, observedGeneration } = condition;
  if ((type !== "Ready" && type !== "ContainersReady") || status !== "True") return condition;
  const reason = phase === "Failed" ? "PodFailed" : "PodCompleted";
  return {
    type,
    status: "False",
    reason,
    lastTransitionTime: now,
    ...(observedGeneration ? { observedGeneration } : {}),
  };
}

/** Whether two statuses say the same in what this kubelet writes. The times of conditions alone are no news. */
export const sameStatus = (a: PodStatus, b: PodStatus): boolean => isDeepStrictEqual(essence(a), essence(b));

/** Whether nothing is new but which generation of the pod was seen. */
export const sameButGeneration = (a: PodStatus, b: PodStatus): boolean =>
  sameStatus({ ...a, observedGeneration: undefined }, { ...b, observedGeneration: undefined });

function essence(status: PodStatus): unknown {
  const own = (status.conditions ?? []).filter(({ type }) => OWN_CONDITIONS.has(type) || type === SHARED_CONDITION);
  const conditions = new Map(
    own.map(({ type, ...rest }) => [type, [rest.status, rest.reason ?? "", rest.message ?? ""]]),
  );
  return [conditions, OWN_FIELDS.filter((field) => field !== "conditions").map((field) => withoutEmpty(status[field]))];
}

/** Without what JSON of Go may show or leave out: what is empty, absent or null means the same. */
export function withoutEmpty(value: unknown): unknown {
  if (value === null || value === "") return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty);
  if (typeof value !== "object") return value;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const kept = withoutEmpty(member);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
