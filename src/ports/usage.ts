/** What one cgroup has used or uses, with all below it. undefined: the kernel does not tell. Bytes, unless it says otherwise. */
export interface CgroupUsage {
  /** Wall time in milliseconds. */
  readonly at: number;
  /** Since the cgroup was made. */
  readonly cpuNanos: number | undefined;
  readonly memory:
    | {
        readonly usageBytes: number;
        /** Without what the kernel can drop at once (inactive file pages). */
        readonly workingSetBytes: number;
        readonly rssBytes: number;
        /** undefined: none. */
        readonly limitBytes: number | undefined;
        readonly pageFaults: number;
        readonly majorPageFaults: number;
      }
    | undefined;
  readonly swap: { readonly usageBytes: number; readonly limitBytes: number | undefined } | undefined;
  readonly processes: number | undefined;
}

/** Counters of one network interface, since it came up. */
export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** What the node and its cgroups use now, read from the kernel at the moment of asking. Nothing is kept and nothing runs in between. */
export interface UsageFiles {
  /** When the machine was started, in wall milliseconds. */
  bootedAt(): Promise<number>;
  /** Paths are like "/kubepods/burstable/pod<uid>"; "/" is the whole node. undefined: there is no such cgroup. */
  cgroup(path: string): Promise<CgroupUsage | undefined>;
  /** The cgroup that this process itself is in. */
  ownCgroup(): Promise<string>;
  /** Interfaces of the node, without the loopback and the ends of pods' links. */
  nodeInterfaces(): Promise<readonly InterfaceUsage[]>;
  /** Interfaces that a process in the cgroup has, without the loopback; undefined where none runs in it. */
  interfacesIn(cgroup: string): Promise<readonly InterfaceUsage[] | undefined>;
}
