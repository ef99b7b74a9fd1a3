import { writeFile } from "node:fs/promises";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { nodeDnsWarnings, parseResolvConf } from "../network/index.ts";
import type { EventRecord } from "../ports/events.ts";

export interface StartFacts {
  readonly cgroupVersion: 1 | 2;
  /** All pods are in one cgroup that bounds them, which is set up by now. */
  readonly cgroupsPerQOS: boolean;
  /** Empty: pods get no resolver of the node's. */
  readonly resolvConf: string;
  /** Text of that file; undefined: it can't be read, which each pod will tell. */
  readonly resolvConfText: string | undefined;
  readonly clusterDomain: string;
}

/** Events on the node at each start, in upstream's words. */
export function startEvents(facts: StartFacts): readonly EventRecord[] {
  const { cgroupVersion, cgroupsPerQOS, resolvConf, resolvConfText, clusterDomain } = facts;
  const about = { kind: "node" } as const;
  const starting: EventRecord = { type: "Normal", reason: "Starting", message: "Starting kubelet.", about };
  const oldCgroups: EventRecord = {
    type: "Warning",
    reason: "CgroupV1",
    message:
      "cgroup v1 detected. cgroup v1 support is deprecated and will be removed in a future release. Please migrate to cgroup v2. More information at https://git.k8s.io/enhancements/keps/sig-node/5573-remove-cgroup-v1",
    about,
  };
  const bounded: EventRecord = {
    type: "Normal",
    reason: "NodeAllocatableEnforced",
    message: "Updated Node Allocatable limit across pods",
    about,
  };
  return [
    starting,
    ...(cgroupsPerQOS ? [bounded] : []),
    ...(cgroupVersion === 1 ? [oldCgroups] : []),
    ...(resolvConfText === undefined
      ? []
      : nodeDnsWarnings(resolvConf, parseResolvConf(resolvConfText), clusterDomain)),
  ];
}

/** Tells the kernel how soon to kill this process when memory runs out: -1000 never, 1000 first. What it refuses is no reason not to run. */
export async function setOwnOomScore(score: number, log: Log): Promise<void> {
  try {
    await writeFile("/proc/self/oom_score_adj", `${score}`);
  } catch (error) {
    log.warn(
      "Cannot set oomScoreAdj of the kubelet: memory running out may end it early; lowering it needs CAP_SYS_RESOURCE",
      {
        oomScoreAdj: score,
        err: messageOf(error),
      },
    );
  }
}
