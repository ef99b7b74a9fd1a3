import type { Pod } from "./kubernetes.ts";

/** Whom an event is about, in the shape of `EventSubject`. */
export interface PodSubject {
  readonly kind: "pod";
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly fieldPath?: string;
}

export function podSubject(pod: Pod): PodSubject {
  const { uid = "", name = "", namespace = "" } = pod.metadata ?? {};
  return { kind: "pod", uid, name, namespace };
}

/** With the container's field path: `spec.containers{web}`. A name that the pod does not have gives the pod alone. */
export function containerSubject(pod: Pod, container: string): PodSubject {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const lists = { containers, initContainers, ephemeralContainers };
  for (const [list, members] of Object.entries(lists)) {
    if (members.some(({ name }) => name === container)) {
      return { ...podSubject(pod), fieldPath: `spec.${list}{${container}}` };
    }
  }
  return podSubject(pod);
}

/** How messages name a pod: `web_default(0e1f…)`. */
export const podText = (pod: Pod): string =>
  `${pod.metadata?.name ?? ""}_${pod.metadata?.namespace ?? ""}(${pod.metadata?.uid ?? ""})`;
