import { KUBERNETES_VERSION, type KubeletConfig } from "../config/index.ts";
import { type KubeletMetrics, makeKubeletMetrics, type Running } from "../metrics/index.ts";
import { goArch } from "../model/node-labels.ts";
import { nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { KIND_TEXT } from "../probes/index.ts";
import type { Core, CoreDeps } from "./core-doors.ts";
import { readProcess } from "./process-facts.ts";
import { containerType, type StepDone } from "./steps.ts";

/** The metrics of this node. `core` is asked at each reading; undefined: nothing runs yet. */
export const nodeMetrics = (
  config: KubeletConfig,
  cgroupVersion: 1 | 2,
  core: () => Core | undefined,
): KubeletMetrics =>
  makeKubeletMetrics({
    nodeName: config.nodeName,
    cgroupVersion,
    build: {
      gitVersion: KUBERNETES_VERSION,
      gitCommit: "",
      buildDate: "",
      nodeVersion: process.version,
      platform: `linux/${goArch(process.arch)}`,
    },
    process: readProcess,
    running: () => runningOf(core()?.snapshots() ?? []),
  });

/** A runtime without RuntimeConfig can't say which cgroup driver it uses: upstream takes such ones until then. */
export function countOldRuntime(metrics: KubeletMetrics): void {
  const help =
    "[ALPHA] the Kubernetes version that the currently running CRI implementation will lose support on if not upgraded.";
  metrics.registry
    .gauge({ name: "kubelet_cri_losing_support", help, labels: ["version"] })
    .set(1, { version: "1.38.0" });
}

/** What the core tells its metrics. */
export const coreMetrics = (
  metrics: KubeletMetrics,
): Pick<CoreDeps, "onStep" | "onListed" | "onPodRuns" | "onProbe" | "onForget"> => ({
  onStep: (done) => countStep(done, metrics),
  onListed: (took) => metrics.relistSeconds.observe(took / 1000),
  onPodRuns: (took) => metrics.podStartSeconds.observe(took / 1000),
  onProbe: (pod, container, kind, answer, took) => {
    if (answer.kind === "error") return;
    const of = { pod: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) };
    metrics.probes.answered({ ...of, container, kind: KIND_TEXT[kind] }, answer.kind !== "failure", took / 1000);
  },
  onForget: (uid) => metrics.probes.forget(uid),
});

/** As upstream, what is counted as started was tried; of these, the errors are counted beside. */
function countStep({ step, pod, failure }: StepDone, metrics: KubeletMetrics): void {
  if (step.kind === "run-sandbox") {
    metrics.startedPods.add();
    metrics.startedContainers.add({ container_type: "podsandbox" });
    if (!failure) return;
    metrics.startedPodErrors.add();
    metrics.startedContainerErrors.add({ container_type: "podsandbox", code: "CreatePodSandboxError" });
  } else if (step.kind === "start-container") {
    const container_type = containerType(pod, step.container.name);
    metrics.startedContainers.add({ container_type });
    if (failure) metrics.startedContainerErrors.add({ container_type, code: failure.reason });
  }
}

export function runningOf(snapshots: readonly PodSnapshot[]): Running {
  const containers = new Map<string, number>();
  for (const { state } of snapshots.flatMap((pod) => pod.containers)) {
    containers.set(state, (containers.get(state) ?? 0) + 1);
  }
  return { pods: snapshots.filter(({ sandboxes }) => sandboxes[0]?.state === "ready").length, containers };
}
