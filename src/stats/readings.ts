import type { ContainerStats as ContainerReading, FilesystemUsage, PodSnapshot } from "../model/runtime.ts";
import type { MeasuredSpace } from "../ports/node-facts.ts";
import type { CgroupUsage, InterfaceUsage } from "../ports/usage.ts";

/** Everything that a summary is made of, read at one time. */
export interface Readings {
  /** Wall milliseconds. */
  readonly at: number;
  readonly node: NodeReading;
  readonly pods: readonly PodReading[];
}

export interface NodeReading {
  readonly name: string;
  readonly bootedAt: number;
  readonly memoryBytes: number;
  /** Set aside as huge pages: memory that nothing else gets. */
  readonly hugepageBytes: number;
  readonly swapBytes: number;
  readonly usage: CgroupUsage | undefined;
  /** `pods`, `kubelet`, …: cgroups that are of interest by themselves. */
  readonly system: readonly { readonly name: string; readonly since: number; readonly usage: CgroupUsage }[];
  /** Only in a whole reading. */
  readonly whole:
    | {
        readonly interfaces: readonly InterfaceUsage[];
        readonly rootSpace: MeasuredSpace | undefined;
        readonly images: ImageReading | undefined;
        readonly tasks: { readonly max: number; readonly current: number };
      }
    | undefined;
}

export interface ImageReading {
  readonly usage: FilesystemUsage;
  readonly space: MeasuredSpace | undefined;
}

export interface PodReading {
  readonly pod: Pick<PodSnapshot, "uid" | "name" | "namespace">;
  /** When its sandbox was made. */
  readonly createdAt: number;
  readonly usage: CgroupUsage | undefined;
  /** undefined: not read, or the node's own. */
  readonly interfaces: readonly InterfaceUsage[] | undefined;
  readonly containers: readonly { readonly createdAt: number; readonly reading: ContainerReading }[];
}
