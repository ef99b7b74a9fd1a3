import { isInside } from "../base/inside.ts";
import { effectiveRows, type KubeletConfig, toVersioned } from "../config/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import type { PodContainer } from "../model/runtime.ts";
import type { HealthCheck, NodeView, TimelineEntry } from "../node/index.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Core } from "./core-doors.ts";
import { runningPods } from "./running-pods.ts";

export interface ViewDeps {
  readonly config: KubeletConfig;
  /** undefined until the runtime answers: the node then shows no pods yet. */
  readonly core: () => Core | undefined;
  readonly runtime: () => Runtime | undefined;
  readonly podLogsDir: () => string;
  readonly healthChecks: readonly HealthCheck[];
}

/** What server and verbs see of this node: read from the core at the moment of asking. */
export function createView({ config, core, runtime, podLogsDir, healthChecks }: ViewDeps): NodeView {
  return {
    nodeName: config.nodeName,
    pods: () =>
      (core()?.posted() ?? []).map(({ pod, status }): Pod => ({ apiVersion: "v1", kind: "Pod", ...pod, status })),
    runningPods: async (signal) => {
      const open = runtime();
      return open
        ? runningPods(await open.listSandboxes(undefined, signal), await open.listContainers(undefined, signal))
        : [];
    },
    rejectedManifests: () =>
      (core()?.rejectedManifests() ?? []).map(({ where, problems, keptPrevious }) => ({
        source: where,
        message: keptPrevious ? "not used, the pod of its last good version keeps running" : "not used",
        problems,
      })),
    events: (uid) => {
      const events = core()?.events;
      return (uid === undefined ? events?.all() : events?.ofPod(uid)) ?? [];
    },
    timeline: (uid) => timelineOf(core(), uid),
    config: () => toVersioned(config),
    effectiveConfig: () => effectiveRows(config),
    containerLog: (id) => {
      const found = findContainer(core(), id);
      // The path is the runtime's word: only what lies in our own log directory is served.
      if (!found || !isInside(podLogsDir(), found.container.logPath)) return undefined;
      return {
        path: found.container.logPath,
        running: () => isWriting(findContainer(core(), id)?.container),
        settled: () => core()?.settled(id) ?? Promise.resolve(),
      };
    },
    healthChecks,
  };
}

/** The runtime writes what a container said last when that has ended. */
const isWriting = (container: PodContainer | undefined): boolean =>
  container?.state === "running" || container?.early === true;

function findContainer(core: Core | undefined, id: string): { readonly container: PodContainer } | undefined {
  for (const { pod } of core?.posted() ?? []) {
    const container = core?.snapshot(uidOf(pod))?.containers.find((candidate) => candidate.id === id);
    if (container) return { container };
  }
  return undefined;
}

function timelineOf(core: Core | undefined, uid: string): readonly TimelineEntry[] {
  const past = core?.timeline(uid) ?? [];
  const posted = core?.posted().find(({ pod }) => uidOf(pod) === uid);
  return posted?.doing === undefined
    ? past
    : [...past, { at: new Date(posted.doingSince).toISOString(), text: `Now: ${posted.doing}` }];
}
