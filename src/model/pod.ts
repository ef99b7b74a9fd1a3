import type { Millis } from "../base/units.ts";
import { seconds } from "../base/units.ts";
import type { Container, EphemeralContainer, Pod, PodSpec, Volume } from "./kubernetes.ts";
import { ANNOTATION_CONFIG_MIRROR, ANNOTATION_CONFIG_SOURCE } from "./names.ts";

declare const podUid: unique symbol;
/** `metadata.uid`: what everything on the node is keyed by. */
export type PodUid = string & { readonly [podUid]: true };

/** Pods of this priority and above are critical (`system-cluster-critical`). */
const CRITICAL_PRIORITY = 2_000_000_000;
const DEFAULT_GRACE_SECONDS = 30;
const NO_SPEC: PodSpec = { containers: [] };

export const asPodUid = (text: string): PodUid => text as PodUid;

/** @throws TypeError where a pod has no UID: every source sets one */
export function uidOf(pod: Pod): PodUid {
  const uid = pod.metadata?.uid;
  if (uid === undefined || uid === "") throw new TypeError(`Pod ${fullNameOf(pod)} has no UID`);
  return asPodUid(uid);
}

export const nameOf = (pod: Pod): string => pod.metadata?.name ?? "";
export const namespaceOf = (pod: Pod): string => pod.metadata?.namespace ?? "default";
/** `name_namespace`: what two pods of one node must never share while both run. */
export const fullNameOf = (pod: Pod): string => `${nameOf(pod)}_${namespaceOf(pod)}`;
export const specOf = (pod: Pod): PodSpec => pod.spec ?? NO_SPEC;
export const annotationOf = (pod: Pod, key: string): string | undefined => pod.metadata?.annotations?.[key];

/** From a file or URL; a pod that no source has stamped is not static. */
export function isStatic(pod: Pod): boolean {
  const source = annotationOf(pod, ANNOTATION_CONFIG_SOURCE);
  return source !== undefined && source !== "api";
}

/** The copy of a static pod in the API, which only reports. */
export const isMirror = (pod: Pod): boolean => annotationOf(pod, ANNOTATION_CONFIG_MIRROR) !== undefined;
export const isCritical = (pod: Pod): boolean =>
  isStatic(pod) || isMirror(pod) || (pod.spec?.priority ?? 0) >= CRITICAL_PRIORITY;

export const containersOf = (pod: Pod): readonly Container[] => pod.spec?.containers ?? [];
export const initContainersOf = (pod: Pod): readonly Container[] => pod.spec?.initContainers ?? [];
export const ephemeralContainersOf = (pod: Pod): readonly EphemeralContainer[] => pod.spec?.ephemeralContainers ?? [];
export const volumesOf = (pod: Pod): readonly Volume[] => pod.spec?.volumes ?? [];

/** Every container of the pod: init, regular, ephemeral, each in spec order. */
export const allContainersOf = (pod: Pod): readonly (Container | EphemeralContainer)[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
  ...ephemeralContainersOf(pod),
];

export type ContainerRole = "init" | "sidecar" | "regular" | "ephemeral";

/** undefined where the spec has no container of that name. */
export function findContainer(
  pod: Pod,
  name: string,
):
  | { readonly role: ContainerRole; readonly container: Container | EphemeralContainer; readonly path: string }
  | undefined {
  const init = initContainersOf(pod).find((container) => container.name === name);
  if (init)
    return { role: isSidecar(init) ? "sidecar" : "init", container: init, path: `spec.initContainers{${name}}` };
  const regular = containersOf(pod).find((container) => container.name === name);
  if (regular) return { role: "regular", container: regular, path: `spec.containers{${name}}` };
  const ephemeral = ephemeralContainersOf(pod).find((container) => container.name === name);
  return ephemeral && { role: "ephemeral", container: ephemeral, path: `spec.ephemeralContainers{${name}}` };
}

/** Of an init container: does it keep running beside the regular ones? Regular containers may carry `Always` too and are none. */
export const isSidecar = (initContainer: Container): boolean => initContainer.restartPolicy === "Always";

export const usesHostNetwork = (pod: Pod): boolean => pod.spec?.hostNetwork === true;
export const usesHostPid = (pod: Pod): boolean => pod.spec?.hostPID === true;
export const usesHostIpc = (pod: Pod): boolean => pod.spec?.hostIPC === true;
export const sharesProcessNamespace = (pod: Pod): boolean => pod.spec?.shareProcessNamespace === true;
export const isPrivileged = (container: Container | EphemeralContainer): boolean =>
  container.securityContext?.privileged === true;
export const hasPrivilegedContainer = (pod: Pod): boolean => allContainersOf(pod).some(isPrivileged);

/** What the spec grants to a stop; 30 s where it says nothing. */
export const gracePeriodOf = (pod: Pod): Millis =>
  seconds(Math.max(0, pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS));

/** Whether the API server was told to delete it. A manifest can't say so of a static pod: it goes with its file. */
export const isDeleted = (pod: Pod): boolean => !isStatic(pod) && pod.metadata?.deletionTimestamp !== undefined;

/** What a stop of the whole pod is granted: whoever deleted it in the API had the last word. */
export function stopGraceOf(pod: Pod): Millis {
  const asked = isDeleted(pod) ? pod.metadata?.deletionGracePeriodSeconds : undefined;
  return asked === undefined ? gracePeriodOf(pod) : seconds(Math.max(1, asked));
}

/** It has run its course, says the API server. */
export const hasEndedPhase = (pod: Pod): boolean => isTerminalPhase(pod.status?.phase);
/** Phases that no pod leaves. */
export const isTerminalPhase = (phase: string | undefined): boolean => phase === "Succeeded" || phase === "Failed";
