import { sandboxNeed } from "../containers/index.ts";
import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../model/kubernetes.ts";
import {
  containersOf,
  ephemeralContainersOf,
  initContainersOf,
  isStatic,
  isTerminalPhase,
  usesHostNetwork,
} from "../model/pod.ts";
import { hostAddresses, podAddresses } from "../model/pod-addresses.ts";
import { OWN_CONDITIONS, SHARED_CONDITION } from "../model/pod-conditions.ts";
import { qosClassOf } from "../model/pod-resources.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { timeText } from "../model/time.ts";
import { conditionsOf, type Verdict } from "./conditions.ts";
import { type ContainerInput, containerStatuses } from "./container-status.ts";
import { endedStatuses, keptEnds } from "./final.ts";
import { type Phase, phaseOf } from "./phase.ts";
import { anyRegularActive } from "./seen.ts";

/** The node itself ended the pod: why. */
export interface Imposed {
  readonly phase: "Failed";
  readonly reason: string;
  readonly message: string;
  /** Message of DisruptionTarget, by the kubelet; undefined: the pod gets no such condition. */
  readonly disruption?: string | undefined;
}

export interface StatusInput extends Omit<ContainerInput, "seen"> {
  /** undefined: the runtime has nothing of this pod. */
  readonly seen: PodSnapshot | undefined;
  readonly previous: PodStatus | undefined;
  /** Why a new sandbox is needed, where the caller knows it; else it is told from what is seen. */
  readonly sandboxReason?: string | undefined;
  /** Something is started again though no restart policy says so: a replaced definition. Such a pod has not ended. */
  readonly goesOn?: boolean | undefined;
  /** Nothing of it runs and nothing of it is held: whatever has no end yet is given one. */
  readonly released?: boolean | undefined;
  /** The node itself ended the pod: rejected, evicted, past its deadline. */
  readonly imposed?: Imposed | undefined;
  /** Addresses of this node, the main one first. */
  readonly hostIps: readonly string[];
  readonly now: Date;
}

/** What a pod's status is, from what is wanted, seen and was said before. Pure; the result is in Kubernetes' JSON shape. */
export function computePodStatus(input: StatusInput): PodStatus {
  const { pod, previous } = input;
  const { metadata } = pod;
  const seen = input.seen ?? emptySnapshot(pod);
  const known: ContainerInput = { ...input, seen };
  const computed = {
    initContainerStatuses: containerStatuses(known, initContainersOf(pod), previous?.initContainerStatuses ?? []),
    containerStatuses: containerStatuses(known, containersOf(pod), previous?.containerStatuses ?? []),
  };
  const final = finalOf(input);
  const shown = final && !isStatic(pod) ? keptEnds(computed, final) : computed;
  const { initContainerStatuses: init, containerStatuses: regular } = input.released
    ? endedStatuses(pod, shown)
    : shown;
  const ephemeral = containerStatuses(known, ephemeralContainersOf(pod), previous?.ephemeralContainerStatuses ?? []);
  const statuses = [...init, ...regular];
  const initialised = anyRegularActive(pod, seen);
  const phase = phaseOf({ pod, statuses, terminal: input.terminal, initialised });
  const end = endOf(input, input.released ? endPhaseOf(pod, phase) : phase);
  return {
    ...(metadata?.generation ? { observedGeneration: metadata.generation } : {}),
    phase: end.phase,
    conditions: withTimes(input, end.phase, statuses),
    ...(end.message ? { message: end.message } : {}),
    ...(end.reason ? { reason: end.reason } : {}),
    ...addresses(input, seen),
    startTime: previous?.startTime ?? pod.status?.startTime ?? timeText(beginOf(seen, input.now)),
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: byName(regular),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: byName(ephemeral) } : {}),
  };
}

/** A kubelet that starts again has forgotten when it first saw the pod; the oldest sandbox tells best. */
const beginOf = ({ sandboxes }: PodSnapshot, now: Date): number =>
  Math.min(now.getTime(), ...sandboxes.map(({ createdAt }) => createdAt).filter((at) => at > 0));

const byName = (statuses: readonly ContainerStatus[]): readonly ContainerStatus[] =>
  statuses.toSorted((a, b) => (a.name < b.name ? -1 : 1));

function emptySnapshot({ metadata }: Pod): PodSnapshot {
  const { uid = "", name = "", namespace = "default" } = metadata ?? {};
  return { uid, name, namespace, sandboxes: [], containers: [] };
}

/** A pod that never came to run has failed. A static pod's phase is not forced: its file may still be there. */
const endPhaseOf = (pod: Pod, phase: Phase): Phase => (isTerminalPhase(phase) || isStatic(pod) ? phase : "Failed");

/** The status that told a final phase; undefined: none did. */
function finalOf({ pod, previous }: StatusInput): PodStatus | undefined {
  const [told, own] = [pod.status, previous].map((status) => (isTerminalPhase(status?.phase) ? status : undefined));
  // What the API server has of the words may be somebody else's; of the phase it has the last word.
  return own?.phase === told?.phase ? own : (told ?? own);
}

/** A terminal phase never changes again; reason and message stay with their phase. */
function endOf(
  input: StatusInput,
  computed: Phase,
): { readonly phase: string; readonly reason?: string | undefined; readonly message?: string | undefined } {
  const { previous, imposed, goesOn } = input;
  const final = finalOf(input);
  if (final?.phase !== undefined) {
    return { phase: final.phase, reason: final.reason, message: final.message };
  }
  if (imposed) return imposed;
  if (goesOn && isTerminalPhase(computed)) return { phase: "Running" };
  if (computed !== previous?.phase) return { phase: computed };
  return { phase: computed, reason: previous.reason, message: previous.message };
}

function withTimes(
  { pod, seen, previous, sandboxReason, imposed, now }: StatusInput,
  phase: string,
  statuses: readonly ContainerStatus[],
): readonly PodCondition[] {
  const before = previous?.conditions ?? pod.status?.conditions ?? [];
  const need = sandboxNeed(pod, seen);
  const disruption: readonly Verdict[] =
    imposed?.disruption === undefined
      ? []
      : [{ type: SHARED_CONDITION, status: "True", reason: "TerminationByKubelet", message: imposed.disruption }];
  const foreign = (pod.status?.conditions ?? before).filter(
    ({ type }) => !OWN_CONDITIONS.has(type) && !disruption.some((own) => own.type === type),
  );
  const verdicts = conditionsOf({
    pod,
    phase: phase as Phase,
    statuses,
    foreign,
    wasInitialised: before.some(({ type, status }) => type === "Initialized" && status === "True"),
    sandboxReason: sandboxReason ?? (need.needed ? need.reason : undefined),
  });
  const generation = pod.metadata?.generation;
  const stamp = (verdict: Verdict): PodCondition => {
    const old = before.find(({ type }) => type === verdict.type);
    const kept = old?.status === verdict.status ? old.lastTransitionTime : undefined;
    return {
      ...(generation ? { observedGeneration: generation } : {}),
      ...verdict,
      lastTransitionTime: kept ?? timeText(now.getTime()),
    };
  };
  return [...foreign, ...[...verdicts, ...disruption].map(stamp)];
}

/** A pod keeps its addresses when its sandbox is gone. */
function addresses(
  { pod, previous, hostIps }: StatusInput,
  seen: PodSnapshot,
): Pick<PodStatus, "hostIP" | "hostIPs" | "podIP" | "podIPs"> {
  const old = (previous?.podIPs ?? []).map(({ ip }) => ip);
  const newest = seen.sandboxes[0];
  const current = newest?.state === "ready" ? podAddresses(newest.ips, hostIps) : [];
  const own = usesHostNetwork(pod) ? hostAddresses(old, hostIps) : current.length > 0 ? current : old;
  const [hostIP] = hostIps;
  const [podIP] = own;
  return {
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.slice(0, 2).map((ip) => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: own.map((ip) => ({ ip })) }),
  };
}
