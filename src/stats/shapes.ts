import { timeText } from "../model/time.ts";

/** `stats/v1alpha1` as `/stats/summary` answers it. What is unknown is left out. Times: wall milliseconds here, RFC 3339 in JSON. */
export interface Summary {
  readonly node: NodeStats;
  readonly pods: readonly PodStats[];
}

export interface NodeStats {
  readonly nodeName: string;
  readonly systemContainers?: readonly ContainerStats[] | undefined;
  readonly startTime: number;
  readonly cpu?: CpuStats | undefined;
  readonly memory?: MemoryStats | undefined;
  readonly network?: NetworkStats | undefined;
  readonly fs?: FsStats | undefined;
  readonly runtime?: { readonly imageFs?: FsStats | undefined; readonly containerFs?: FsStats | undefined } | undefined;
  readonly rlimit?: { readonly time: number; readonly maxpid: number; readonly curproc: number } | undefined;
  readonly swap?: SwapStats | undefined;
}

export interface PodStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly startTime: number;
  readonly containers: readonly ContainerStats[];
  readonly cpu?: CpuStats | undefined;
  readonly memory?: MemoryStats | undefined;
  readonly network?: NetworkStats | undefined;
  readonly process_stats?: { readonly process_count: number } | undefined;
  readonly swap?: SwapStats | undefined;
}

export interface ContainerStats {
  readonly name: string;
  readonly startTime: number;
  readonly cpu?: CpuStats | undefined;
  readonly memory?: MemoryStats | undefined;
  readonly rootfs?: FsStats | undefined;
  readonly swap?: SwapStats | undefined;
}

export interface CpuStats {
  readonly time: number;
  /** Over the time since an earlier reading; missing in the first one. */
  readonly usageNanoCores?: number | undefined;
  readonly usageCoreNanoSeconds?: number | undefined;
}

export interface MemoryStats {
  readonly time: number;
  /** Limit without the working set; missing without a limit. */
  readonly availableBytes?: number | undefined;
  readonly usageBytes?: number | undefined;
  readonly workingSetBytes?: number | undefined;
  readonly rssBytes?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
}

export interface SwapStats {
  readonly time: number;
  readonly swapAvailableBytes?: number | undefined;
  readonly swapUsageBytes?: number | undefined;
}

export interface InterfaceStats {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** The fields of `eth0`, where there is one, stand beside the list. */
export type NetworkStats = { readonly time: number; readonly interfaces: readonly InterfaceStats[] } & {
  readonly [Field in keyof InterfaceStats]: InterfaceStats[Field] | undefined;
};

export interface FsStats {
  readonly time: number;
  readonly availableBytes?: number | undefined;
  readonly capacityBytes?: number | undefined;
  readonly usedBytes?: number | undefined;
  readonly inodesFree?: number | undefined;
  readonly inodes?: number | undefined;
  readonly inodesUsed?: number | undefined;
}

/** The JSON that clients get. */
export const summaryJson = (summary: Summary): string =>
  JSON.stringify(summary, (key, value) =>
    (key === "time" || key === "startTime") && typeof value === "number" ? timeText(value) : value,
  );
