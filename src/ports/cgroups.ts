/** Limits of one cgroup that the kubelet itself writes. Absent keys are left alone. */
export interface CgroupValues {
  /** v1 notation, 2 to 262144; the adapter converts to a v2 weight by the kubelet's linear mapping. */
  readonly cpuShares?: number;
  /** Microseconds, -1: none. */
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  readonly memoryLimitBytes?: number;
  readonly pidsLimit?: number;
  /** Page size ("2MB") -> bytes. */
  readonly hugepageLimits?: { readonly [pageSize: string]: number };
  /** cgroup v2 files, name -> content. Ignored on v1. */
  readonly unified?: { readonly [file: string]: string };
}

/**
 * The cgroup trees, v1 (every controller) or v2, cgroupfs driver. Paths are like "/kubepods/burstable/pod<uid>" below the mount points.
 * Errors are KubeletError `file-failed`.
 */
export interface Cgroups {
  readonly version: 1 | 2;
  /** Exists in every hierarchy that the kubelet uses. */
  exists(path: string): Promise<boolean>;
  /** Mount points of the hierarchies where it is missing, sorted; empty where `exists` says yes. For messages. */
  missingFrom(path: string): Promise<readonly string[]>;
  /** Makes it (and its parents) in every hierarchy; no error when it is there. Does not write values. */
  create(path: string): Promise<void>;
  write(path: string, values: CgroupValues): Promise<void>;
  /** Names of the direct children, sorted; from any hierarchy. */
  children(path: string): Promise<readonly string[]>;
  /** Process ids in it and below, from every hierarchy. */
  processes(path: string): Promise<readonly number[]>;
  /** How many of its processes the kernel has killed for want of memory; undefined: there is no such cgroup, or the kernel does not count. */
  oomKills(path: string): Promise<number | undefined>;
  /** Kills what is left in it and below, then removes the tree in every hierarchy. No error when absent. */
  destroy(path: string): Promise<void>;
  /** Huge page sizes that this host knows ("2MB"). */
  hugepageSizes(): readonly string[];
}
