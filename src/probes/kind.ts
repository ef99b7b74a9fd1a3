import type { Container, Pod, Probe } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isSidecar } from "../model/pod.ts";

export const PROBE_KINDS = ["startup", "readiness", "liveness"] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** How events name a kind. */
export const KIND_TEXT: Readonly<Record<ProbeKind, string>> = {
  startup: "Startup",
  readiness: "Readiness",
  liveness: "Liveness",
};

export const probeOf = (container: Container, kind: ProbeKind): Probe | undefined => container[`${kind}Probe`];

const probed = new WeakMap<Pod, readonly Container[]>();

/** Regular containers and sidecars that have any probe. Kept with the pod, which never changes: every look asks for it. */
export function probedContainersOf(pod: Pod): readonly Container[] {
  const known = probed.get(pod);
  if (known) return known;
  const found = [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)].filter((container) =>
    PROBE_KINDS.some((kind) => probeOf(container, kind)),
  );
  probed.set(pod, found);
  return found;
}
