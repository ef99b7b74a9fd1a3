import { createNodeFacts, createUsage, detectHost } from "../adapters/linux/index.ts";
import type { Log } from "../base/log.ts";
import type { KubeletConfig } from "../config/index.ts";
import { uidOf, usesHostNetwork } from "../model/pod.ts";
import type { Clock } from "../ports/clock.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import { type CgroupDriver, podCgroupPath, podsCgroupPath } from "../resources/index.ts";
import type { NodeUsage, UsageDeps } from "../stats/index.ts";
import type { Core } from "./core-doors.ts";

export interface NodeUsageDeps {
  readonly core: () => Core | undefined;
  /** As the runtime said; undefined before it did. */
  readonly cgroupDriver: () => CgroupDriver | undefined;
  readonly runtime: () => Runtime | undefined;
  readonly images: () => Images | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What `/stats/summary` and `/metrics/resource` read. Loaded when the first of them is asked for: many nodes never are. */
export function lazyUsage(config: KubeletConfig, deps: NodeUsageDeps): Pick<NodeUsage, "summary" | "metrics"> {
  const startedAt = deps.clock.wall().getTime();
  let opening: Promise<NodeUsage> | undefined;
  const open = () => {
    opening ??= openUsage(config, deps, startedAt);
    return opening;
  };
  return {
    summary: async (cpuAndMemoryOnly, signal) => (await open()).summary(cpuAndMemoryOnly, signal),
    metrics: async (signal) => (await open()).metrics(signal),
  };
}

async function openUsage(config: KubeletConfig, deps: NodeUsageDeps, startedAt: number): Promise<NodeUsage> {
  const { NodeUsage } = await import("../stats/index.ts");
  const { core, clock } = deps;
  const { cgroupVersion } = detectHost();
  const { cgroupRoot, cgroupsPerQOS } = config.kubelet;
  const cgroups = () => ({ cgroupRoot, cgroupsPerQOS, driver: deps.cgroupDriver() ?? "cgroupfs" }) as const;
  const podPlace: UsageDeps["podPlace"] = (uid) => {
    const pod = core()
      ?.posted()
      .find((posted) => uidOf(posted.pod) === uid)?.pod;
    return pod && { cgroup: podCgroupPath(pod, cgroups()), hostNetwork: usesHostNetwork(pod) };
  };
  return new NodeUsage({
    ...deps,
    nodeName: config.nodeName,
    rootDir: config.flags.rootDir,
    startedAt,
    files: createUsage({ version: cgroupVersion, root: "/sys/fs/cgroup" }),
    facts: createNodeFacts(cgroupVersion, clock),
    snapshots: () => core()?.snapshots() ?? [],
    podPlace,
    podsCgroup: () => podsCgroupPath(cgroups()),
  });
}
