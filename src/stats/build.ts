import type { ContainerStats as ContainerReading } from "../model/runtime.ts";
import type { MeasuredSpace } from "../ports/node-facts.ts";
import type { CgroupUsage, InterfaceUsage } from "../ports/usage.ts";
import type { CpuRates } from "./rates.ts";
import type { NodeReading, PodReading, Readings } from "./readings.ts";
import type {
  ContainerStats,
  CpuStats,
  FsStats,
  MemoryStats,
  NetworkStats,
  NodeStats,
  PodStats,
  Summary,
  SwapStats,
} from "./shapes.ts";

/** The interface whose counters stand for the whole. */
const MAIN_INTERFACE = "eth0";
const NODE = "node";

/** Makes `stats/v1alpha1` of what was read. `rates` remembers counters from one summary to the next. */
export function buildSummary({ at, node, pods }: Readings, rates: CpuRates): Summary {
  const keys = new Set<string>();
  const rateOf = (key: string, when: number, nanos: number | undefined): number | undefined => {
    keys.add(key);
    return nanos === undefined ? undefined : rates.rate(key, { at: when, nanos });
  };
  const summary = {
    node: nodeStats(node, at, rateOf),
    pods: pods.map((pod) => podStats(pod, node.whole?.images?.space, rateOf)),
  };
  rates.keepOnly(keys);
  return summary;
}

type RateOf = (key: string, when: number, nanos: number | undefined) => number | undefined;

function nodeStats(node: NodeReading, at: number, rateOf: RateOf): NodeStats {
  const { usage, whole } = node;
  return {
    nodeName: node.name,
    ...(node.system.length > 0 ? { systemContainers: node.system.map((one) => systemContainer(one, rateOf)) } : {}),
    startTime: node.bootedAt,
    ...(usage ? { cpu: cpuOf(NODE, usage, rateOf), memory: nodeMemory(node, usage), swap: nodeSwap(node, usage) } : {}),
    ...(whole
      ? {
          network: networkOf(whole.interfaces, at),
          fs: whole.rootSpace && fsOf(whole.rootSpace, at),
          runtime: runtimeStats(whole.images, at),
          rlimit: { time: at, maxpid: whole.tasks.max, curproc: whole.tasks.current },
        }
      : {}),
  };
}

function systemContainer({ name, since, usage }: NodeReading["system"][number], rateOf: RateOf): ContainerStats {
  return {
    name,
    startTime: since,
    cpu: cpuOf(`system/${name}`, usage, rateOf),
    memory: memoryOf(usage),
    swap: swapOf(usage),
  };
}

function podStats(
  { pod, createdAt, usage, interfaces, containers }: PodReading,
  images: MeasuredSpace | undefined,
  rateOf: RateOf,
): PodStats {
  return {
    podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
    startTime: createdAt,
    containers: containers.map((one) => containerStats(one.reading, one.createdAt, images, rateOf)),
    ...(usage
      ? { cpu: cpuOf(`pod/${pod.uid}`, usage, rateOf), memory: memoryOf(usage), swap: swapOf(usage) }
      : summed(containers.map(({ reading }) => reading))),
    ...(interfaces ? { network: networkOf(interfaces, usage?.at ?? createdAt) } : {}),
    ...(usage?.processes === undefined ? {} : { process_stats: { process_count: usage.processes } }),
  };
}

/** Where the pod has no cgroup of its own, it uses what its containers use. */
function summed(containers: readonly ContainerReading[]): Pick<PodStats, "cpu" | "memory"> {
  const cpus = containers.flatMap(({ cpu }) => cpu ?? []);
  const memories = containers.flatMap(({ memory }) => memory ?? []);
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const latest = (values: readonly { readonly at: number }[]): number => Math.max(...values.map(({ at }) => at));
  return {
    ...(cpus.length > 0
      ? { cpu: { time: latest(cpus), usageCoreNanoSeconds: sum(cpus.map((one) => one.usageCoreNanoSeconds)) } }
      : {}),
    ...(memories.length > 0
      ? { memory: { time: latest(memories), workingSetBytes: sum(memories.map((one) => one.workingSetBytes)) } }
      : {}),
  };
}

function containerStats(
  { id, name, cpu, memory, swap, writableLayer }: ContainerReading,
  createdAt: number,
  images: MeasuredSpace | undefined,
  rateOf: RateOf,
): ContainerStats {
  return {
    name,
    startTime: createdAt,
    cpu: cpu && {
      time: cpu.at,
      usageNanoCores: cpu.usageNanoCores ?? rateOf(`container/${id}`, cpu.at, cpu.usageCoreNanoSeconds),
      usageCoreNanoSeconds: cpu.usageCoreNanoSeconds,
    },
    memory: memory && {
      time: memory.at,
      availableBytes: memory.availableBytes,
      usageBytes: memory.usageBytes,
      workingSetBytes: memory.workingSetBytes,
      rssBytes: memory.rssBytes,
      pageFaults: memory.pageFaults,
      majorPageFaults: memory.majorPageFaults,
    },
    swap: swap && { time: swap.at, swapAvailableBytes: swap.availableBytes, swapUsageBytes: swap.usageBytes },
    ...(images && writableLayer
      ? {
          rootfs: {
            ...fsOf(images, writableLayer.at),
            usedBytes: writableLayer.usedBytes,
            inodesUsed: writableLayer.inodesUsed,
          },
        }
      : {}),
  };
}

const cpuOf = (key: string, { at, cpuNanos }: CgroupUsage, rateOf: RateOf): CpuStats => ({
  time: at,
  usageNanoCores: rateOf(key, at, cpuNanos),
  usageCoreNanoSeconds: cpuNanos,
});

function memoryOf({ at, memory }: CgroupUsage): MemoryStats | undefined {
  if (memory === undefined) return undefined;
  const { limitBytes, ...rest } = memory;
  const availableBytes = limitBytes === undefined ? undefined : Math.max(0, limitBytes - memory.workingSetBytes);
  return { time: at, availableBytes, ...rest };
}

/** The node's limit is what it has; huge pages are taken from it whether used or not. */
function nodeMemory({ memoryBytes, hugepageBytes }: NodeReading, usage: CgroupUsage): MemoryStats | undefined {
  const memory = memoryOf(usage);
  const working = memory?.workingSetBytes ?? 0;
  return memory && { ...memory, availableBytes: Math.max(0, memoryBytes - working - hugepageBytes) };
}

function swapOf({ at, swap }: CgroupUsage): SwapStats | undefined {
  if (swap === undefined) return undefined;
  const { usageBytes, limitBytes } = swap;
  const swapAvailableBytes = limitBytes === undefined ? undefined : Math.max(0, limitBytes - usageBytes);
  return { time: at, swapAvailableBytes, swapUsageBytes: usageBytes };
}

const nodeSwap = ({ swapBytes }: NodeReading, { at, swap }: CgroupUsage): SwapStats | undefined =>
  swapOf({ swap: swap && { usageBytes: swap.usageBytes, limitBytes: swapBytes }, at } as CgroupUsage);

function networkOf(interfaces: readonly InterfaceUsage[], at: number): NetworkStats {
  const main = interfaces.find(({ name }) => name === MAIN_INTERFACE);
  return {
    time: at,
    name: main?.name ?? "",
    rxBytes: main?.rxBytes,
    rxErrors: main?.rxErrors,
    txBytes: main?.txBytes,
    txErrors: main?.txErrors,
    interfaces,
  };
}

const fsOf = (
  { capacityBytes, availableBytes, usedBytes, inodes, inodesFree }: MeasuredSpace,
  at: number,
): FsStats => ({
  time: at,
  availableBytes,
  capacityBytes,
  usedBytes,
  inodesFree,
  inodes,
  inodesUsed: inodes - inodesFree,
});

function runtimeStats(images: NonNullable<NodeReading["whole"]>["images"], at: number): NodeStats["runtime"] {
  if (images === undefined) return {};
  const imageFs = {
    ...(images.space ? fsOf(images.space, at) : { time: at }),
    usedBytes: images.usage.usedBytes,
    inodesUsed: images.usage.inodesUsed,
  };
  // One file system holds images and writable layers alike.
  return { imageFs, containerFs: imageFs };
}
