import { seconds } from "../base/units.ts";
import { uidOf } from "../model/pod.ts";
import {
  createPodCgroups,
  DEFAULT_POLICY,
  type PodCgroupsOptions,
  podCgroup,
  type ResourceFacts,
} from "../resources/index.ts";
import type { RunningCore, SimDoors } from "../sim/sim-kubelet.ts";
import type { SourceUpdate } from "../sources/index.ts";
import { createVolumes } from "../volumes/index.ts";
import { openCore, podCgroupVerbs } from "./core.ts";

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

/** The real core behind simulated doors. */
export function startSimCore(doors: SimDoors, signal: AbortSignal): RunningCore {
  const { clock, random, log, files, mounts, runtime, images } = doors;
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
      sources: ["file"],
      crashBackoffMax: seconds(300),
      pulls: { serializeImagePulls: false, maxParallelImagePulls: undefined, registryPullQps: 0, registryBurst: 0 },
      shape: { allocatable: {}, allowedUnsafeSysctls: [] },
      runtimeName: "sim",
    },
    {
      clock,
      random,
      log,
      runtime,
      imageService: images,
      files,
      volumes: createVolumes({ rootDir: "/var/lib/kubelet", facts: FACTS, noswap: true }, { files, mounts }),
      cgroups: { ...podCgroupVerbs(podCgroups), parentOf: (pod) => podCgroup(pod, CGROUPS).parent },
      readCredentials: async () => [],
      logTail: () => "",
      sandboxResources: () => ({ resources: {}, overhead: {} }),
      containerResources: () => ({}),
      subPath: (volume, path, target) => mounts.bindInside(volume, path, target),
      nodeDns: async () => ({ resolver: undefined, clusterDns: [], clusterDomain: "", nodeIps: ["192.0.2.1"] }),
      sources: updates(doors, signal),
    },
    signal,
  );
  return {
    done: podCgroups.openRoot().then(() => core.run()),
    phases: () => core.posted().map(({ pod, status }) => ({ uid: uidOf(pod), phase: status.phase })),
  };
}

async function* updates({ wants }: SimDoors, signal: AbortSignal): AsyncGenerator<SourceUpdate> {
  for await (const pods of wants(signal)) yield { source: "file", pods, rejected: [], warnings: [], complete: true };
}
