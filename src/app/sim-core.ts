import { KubeletError } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import { References } from "../kube/index.ts";
import { uidOf } from "../model/pod.ts";
import type { Clock } from "../ports/clock.ts";
import {
  createPodCgroups,
  DEFAULT_POLICY,
  type PodCgroups,
  type PodCgroupsOptions,
  podCgroup,
  type ResourceFacts,
} from "../resources/index.ts";
import type { RunningCore, SimDoors, StartCore } from "../sim/sim-kubelet.ts";
import { mergeSources, type SourceUpdate } from "../sources/index.ts";
import { createVolumes } from "../volumes/index.ts";
import { openClusterPods } from "./cluster-pods.ts";
import { openCore, podCgroupVerbs } from "./core.ts";
import type { CoreDeps } from "./core-doors.ts";
import { withoutApi } from "./without-api.ts";

const FACTS: ResourceFacts = {
  cgroupVersion: 2,
  memoryBytes: 2 ** 34,
  swapBytes: 0,
  pageSize: 4096,
  hugepageSizes: [],
  swapController: false,
  policy: DEFAULT_POLICY,
};
const CGROUPS: PodCgroupsOptions = {
  cgroupRoot: "/",
  cgroupsPerQOS: true,
  driver: "cgroupfs",
  podPidsLimit: 0,
  facts: FACTS,
  nodeAmounts: {},
};

/** Parts of the core that a test replaces by bad ones. */
export type Broken = Pick<CoreDeps, "plan" | "refresh">;

/** The real core behind simulated doors. */
export const startSimCore = startCoreWith({});

export function startCoreWith(broken: Broken): StartCore {
  return (doors, signal) => start(doors, broken, signal);
}

function start(doors: SimDoors, broken: Broken, signal: AbortSignal): RunningCore {
  const { clock, random, log, files, mounts, runtime, images, network } = doors;
  const { api, node } = doors.cluster ?? {};
  const cluster = api && openClusterPods({ api, clock, random, log, nodeName: "sim", node: () => node }, signal);
  const references = api ? new References({ api, clock, random, log }, signal) : withoutApi;
  const podCgroups = createPodCgroups(CGROUPS, doors.cgroups, log);
  const core = openCore(
    {
      nodeName: "sim",
      nodeIps: ["192.0.2.1"],
      rootDir: "/var/lib/kubelet",
      podLogsDir: "/var/log/pods",
      containerLogsDir: "/var/log/containers",
      clusterDomain: "",
      seccompDefault: false,
      maskedPaths: [],
      allocatable: {},
      sources: cluster ? ["file", "api"] : ["file"],
      crashBackoffMax: seconds(300),
      pulls: { serializeImagePulls: false, maxParallelImagePulls: undefined, registryPullQps: 0, registryBurst: 0 },
      shape: {
        name: "sim",
        labels: {},
        taints: [],
        declaredFeatures: [],
        allocatable: {},
        allowedUnsafeSysctls: [],
        appArmor: false,
      },
      runtimeName: "sim",
    },
    {
      clock,
      random,
      log,
      runtime,
      imageService: images,
      files,
      network,
      volumes: createVolumes(
        { rootDir: "/var/lib/kubelet", facts: FACTS, noswap: true },
        {
          files,
          mounts,
          clock,
          random,
          objects: references.objects,
          tokens: references.tokens,
          downward: () => ({ nodeName: "sim", allocatable: {} }),
        },
      ),
      references,
      cgroups: { ...podCgroupVerbs(podCgroups), parentOf: (pod) => podCgroup(pod, CGROUPS).parent },
      oomKills: (pod, id) => doors.cgroups.oomKills(`${podCgroup(pod, CGROUPS).path}/${id}`),
      readCredentials: async () => ({ found: [], missing: [] }),
      logTail: () => "",
      sandboxResources: () => ({ resources: {}, overhead: {} }),
      containerResources: () => ({}),
      subPath: (volume, path, target) => mounts.bindInside(volume, path, target),
      nodeDns: async () => ({ resolver: undefined, clusterDns: [], clusterDomain: "", nodeIps: ["192.0.2.1"] }),
      sources: mergeSources((life) => [updates(doors, life), ...(cluster ? [cluster.source(life)] : [])], signal),
      cluster,
      ...broken,
    },
    signal,
  );
  return {
    done: openRoot(podCgroups, doors.clock, signal).then(() => core.run()),
    phases: () => core.posted().map(({ pod, status }) => ({ uid: uidOf(pod), phase: status.phase })),
    sizes: () => core.sizes(),
  };
}

/** A kubelet that can't make its cgroups ends, and is started again by whoever keeps it. */
async function openRoot(cgroups: PodCgroups, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await cgroups.openRoot();
    } catch (error) {
      if (!(error instanceof KubeletError)) throw error;
      await clock.sleep(seconds(1), signal);
    }
  }
}

async function* updates({ wants }: SimDoors, signal: AbortSignal): AsyncGenerator<SourceUpdate> {
  for await (const pods of wants(signal)) yield { source: "file", pods, rejected: [], warnings: [], complete: true };
}
