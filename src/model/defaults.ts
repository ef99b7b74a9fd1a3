import { defaultContainer } from "./defaults-container.ts";
import { defaultVolume, roundedList } from "./defaults-volume.ts";
import type { Container, Pod, PodSpec, PodStatus, ResourceRequirements } from "./kubernetes.ts";
import { defined, orElse } from "./object.ts";

/**
 * The pod as the API server hands it out: every field that has a default has a value. Doing it twice changes nothing.
 * Rules: pkg/apis/core/v1/defaults.go of v1.37. As there, pod-level requests are not filled from pod-level limits: the API server
 * does that on creation, and the Go kubelet does it for no static pod.
 */
export function defaultPod(pod: Pod): Pod {
  const spec = defaultSpec(pod.spec ?? { containers: [] });
  return defined({ ...pod, spec, status: pod.status && defaultStatus(pod.status) });
}

function defaultSpec(spec: PodSpec): PodSpec {
  const account = orElse(spec.serviceAccountName, spec.serviceAccount ?? "");
  const grace = spec.terminationGracePeriodSeconds ?? 30;
  return defined({
    ...spec,
    restartPolicy: orElse(spec.restartPolicy, "Always"),
    dnsPolicy: orElse(spec.dnsPolicy, "ClusterFirst"),
    schedulerName: orElse(spec.schedulerName, "default-scheduler"),
    securityContext: spec.securityContext ?? {},
    terminationGracePeriodSeconds: grace < 0 ? 1 : grace,
    enableServiceLinks: spec.enableServiceLinks ?? true,
    serviceAccountName: account === "" ? undefined : account,
    serviceAccount: account === "" ? undefined : account,
    volumes: spec.volumes?.map(defaultVolume),
    containers: (spec.containers ?? []).map((container) => runnable(container, spec)),
    initContainers: spec.initContainers?.map((container) => runnable(container, spec)),
    ephemeralContainers: spec.ephemeralContainers?.map(defaultContainer),
    overhead: spec.overhead && roundedList(spec.overhead),
    resources: spec.resources && roundedResources(spec.resources),
  });
}

/** Init and regular containers get requests from limits, and host ports on the host's network; ephemeral ones neither. */
function runnable(container: Container, spec: PodSpec): Container {
  const { limits, requests } = container.resources ?? {};
  return defaultContainer(
    defined({
      ...container,
      resources: limits ? { ...container.resources, requests: { ...limits, ...requests } } : container.resources,
      ports: spec.hostNetwork
        ? container.ports?.map((port) => ({ ...port, hostPort: port.hostPort || port.containerPort }))
        : container.ports,
    }),
  );
}

/** `podIP` and the first of `podIPs` are the same address; the single one wins. */
function defaultStatus(status: PodStatus): PodStatus {
  const { podIP = "", podIPs = [] } = status;
  const first = podIPs[0]?.ip ?? "";
  if (podIP === first) return status;
  return podIP === "" ? { ...status, podIP: first } : { ...status, podIPs: [{ ip: podIP }] };
}

const roundedResources = (resources: ResourceRequirements): ResourceRequirements =>
  defined({
    ...resources,
    limits: resources.limits && roundedList(resources.limits),
    requests: resources.requests && roundedList(resources.requests),
  });
