import { type Finding, ok, problem, warning } from "./finding.ts";

export interface CgroupFacts {
  readonly version: 1 | 2;
  /** A hierarchy of version 2 is mounted beside those of version 1. */
  readonly hybrid: boolean;
  /** That the kernel offers at the root. */
  readonly controllers: readonly string[];
  /** Version 2: those handed on to the cgroups below the root. */
  readonly handedOn: readonly string[];
  readonly failCgroupV1: boolean;
}

const NEEDED: { readonly [version in 1 | 2]: readonly string[] } = {
  1: ["cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"],
  // Freezer and devices are no controllers there: the first is always there, the second is BPF.
  2: ["cpu", "cpuset", "memory", "pids"],
};
const USEFUL: { readonly [version in 1 | 2]: readonly string[] } = { 1: ["hugetlb", "blkio"], 2: ["hugetlb", "io"] };
const ABOUT = "cgroups";
const TO_V2 =
  "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line (Debian 11 and later do so by themselves)";

/** Version and controllers, as upstream's preflight has them. */
export function judgeCgroups({
  version,
  hybrid,
  controllers,
  handedOn,
  failCgroupV1,
}: CgroupFacts): readonly Finding[] {
  const has = `version ${version}${hybrid ? ", with version 2 beside it" : ""}: ${controllers.join(" ") || "no controllers"}`;
  const missing = NEEDED[version].filter((name) => !controllers.includes(name));
  const less = USEFUL[version].filter((name) => !controllers.includes(name));
  const closed =
    version === 2 ? NEEDED[2].filter((name) => controllers.includes(name) && !handedOn.includes(name)) : [];
  return [
    ...(version === 1
      ? [
          failCgroupV1
            ? problem(ABOUT, `version 1, and failCgroupV1 is true`, `${TO_V2}; or set failCgroupV1: false`)
            : warning(ABOUT, `version 1 is deprecated`, TO_V2),
        ]
      : []),
    missing.length > 0
      ? problem(
          ABOUT,
          `${has}; missing: ${missing.join(" ")}`,
          "enable them in the kernel, or on its command line (cgroup_enable=memory)",
        )
      : ok(ABOUT, has),
    ...(less.length > 0
      ? [warning(ABOUT, `missing: ${less.join(" ")}`, "pods' limits on huge pages or disks need them")]
      : []),
    ...(closed.length > 0
      ? [
          warning(
            ABOUT,
            `not handed on by the root cgroup: ${closed.join(" ")}`,
            "the kubelet hands them on if it may; in a container, run it with a cgroup namespace of its own",
          ),
        ]
      : []),
  ];
}

export interface DriverFacts {
  readonly configured: string;
  /** As the runtime tells; undefined: it does not. */
  readonly runtime: string | undefined;
  /** The runtime is our own, and is given the configured one. */
  readonly embedded: boolean;
  readonly systemd: boolean;
}

/** Who makes the pods' cgroups: kubelet and runtime must agree, and systemd wants to be asked. */
export function judgeDriver({ configured, runtime, embedded, systemd }: DriverFacts): readonly Finding[] {
  const about = "cgroup driver";
  if (embedded && runtime === undefined)
    return [ok(about, "the embedded containerd gets the kubelet's when it starts")];
  const used = runtime ?? configured;
  const told = embedded
    ? "of the embedded containerd"
    : runtime === undefined
      ? "as configured; the runtime does not tell its own"
      : "as the runtime says";
  if (runtime !== undefined && runtime !== configured)
    return [
      warning(
        about,
        `cgroupDriver is ${configured}, the runtime's is ${runtime}, which is used`,
        `set cgroupDriver: ${runtime}`,
      ),
    ];
  if (systemd && used === "cgroupfs")
    return [
      warning(
        about,
        `cgroupfs, ${told}, on a machine with systemd: two masters of one tree`,
        "set cgroupDriver: systemd, and SystemdCgroup = true in containerd's configuration",
      ),
    ];
  if (!systemd && used === "systemd")
    return [
      problem(
        about,
        `systemd, ${told}, on a machine without systemd`,
        "set cgroupDriver: cgroupfs, and the runtime's likewise",
      ),
    ];
  return [ok(about, `${used}, ${told}`)];
}
