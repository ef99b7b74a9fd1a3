import { seconds } from "../base/units.ts";
import { isGiven, type KubeletConfig } from "../config/index.ts";
import { goArch, initialLabels } from "../model/node-labels.ts";
import { type Amounts, amountsOf } from "../model/pod-resources.ts";
import { allocatable, type CgroupDriver, type PodCgroupsOptions, type ResourceFacts } from "../resources/index.ts";
import type { CoreSettings } from "./core-doors.ts";

/** What the settings need of the machine. */
export interface Machine {
  readonly cgroupVersion: 1 | 2;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly cpus: number;
  readonly pidMax: number;
  readonly appArmor: boolean;
  readonly pageSize: number;
  readonly swapController: boolean;
  readonly hugepageSizes: readonly string[];
}

export interface LogPlaces {
  readonly podLogsDir: string;
  readonly containerLogsDir: string;
}

/** With a runtime of its own a kubelet keeps logs to itself as well, unless told otherwise: two of them on one machine never mix. */
export function logPlaces(config: KubeletConfig, embedded: boolean): LogPlaces {
  const { rootDir } = config.flags;
  if (!embedded) return { podLogsDir: config.kubelet.podLogsDir, containerLogsDir: "/var/log/containers" };
  const given = isGiven(config, "podLogsDir");
  return {
    podLogsDir: given ? config.kubelet.podLogsDir : `${rootDir}/logs/pods`,
    containerLogsDir: `${rootDir}/logs/containers`,
  };
}

/** What pods can have of this node: its capacity without what is reserved. */
export function allocatableOf(config: KubeletConfig, machine: Machine): Amounts {
  const { kubelet } = config;
  const reserved = [amountsOf(kubelet.systemReserved), amountsOf(kubelet.kubeReserved)];
  return allocatable({ cpu: machine.cpus * 1000, memory: machine.memoryBytes, pid: machine.pidMax }, reserved);
}

export function resourceFacts(config: KubeletConfig, machine: Machine): ResourceFacts {
  const { kubelet } = config;
  const { memory } = allocatableOf(config, machine);
  return {
    cgroupVersion: machine.cgroupVersion,
    memoryBytes: machine.memoryBytes,
    swapBytes: machine.swapBytes,
    ...(memory === undefined ? {} : { allocatableMemoryBytes: memory }),
    pageSize: machine.pageSize,
    hugepageSizes: machine.hugepageSizes,
    swapController: machine.swapController,
    policy: {
      cpuCFSQuota: kubelet.cpuCFSQuota,
      cpuCFSQuotaPeriodMicros: kubelet.cpuCFSQuotaPeriod * 1000,
      swapBehavior: kubelet.memorySwap.swapBehavior as ResourceFacts["policy"]["swapBehavior"],
      singleProcessOOMKill: kubelet.singleProcessOOMKill,
      memoryQoS: config.gatesOn.has("MemoryQoS"),
      memoryReservationPolicy: kubelet.memoryReservationPolicy as ResourceFacts["policy"]["memoryReservationPolicy"],
      memoryThrottlingFactor: kubelet.memoryThrottlingFactor,
    },
  };
}

export function podCgroupOptions(config: KubeletConfig, machine: Machine, driver: CgroupDriver): PodCgroupsOptions {
  const { kubelet } = config;
  return {
    cgroupRoot: kubelet.cgroupRoot,
    cgroupsPerQOS: kubelet.cgroupsPerQOS,
    driver,
    podPidsLimit: kubelet.podPidsLimit,
    facts: resourceFacts(config, machine),
    nodeAmounts: kubelet.enforceNodeAllocatable.includes("pods")
      ? allocatableOf(config, machine)
      : { cpu: machine.cpus * 1000, memory: machine.memoryBytes, pid: machine.pidMax },
  };
}

/** Facts of this run that no option says. */
export interface RunFacts {
  readonly nodeIps: () => readonly string[];
  /** What the Node says that pods can have of it; empty while there is none. */
  readonly nodeAllocatable: () => { readonly [resource: string]: string };
  readonly runtimeName: string;
  readonly maskedPaths: readonly string[];
}

export function coreSettings(
  config: KubeletConfig,
  machine: Machine,
  places: LogPlaces,
  facts: RunFacts,
): CoreSettings {
  const { kubelet, flags } = config;
  const amounts = allocatableOf(config, machine);
  const pods =
    kubelet.podsPerCore > 0 ? Math.min(kubelet.maxPods, kubelet.podsPerCore * machine.cpus) : kubelet.maxPods;
  const { nodeIps, nodeAllocatable, ...told } = facts;
  return {
    ...places,
    ...told,
    /** Of this moment: a cluster's node learns its addresses after the start. */
    get nodeIps() {
      return nodeIps();
    },
    nodeName: config.nodeName,
    rootDir: flags.rootDir,
    clusterDomain: kubelet.clusterDomain,
    seccompDefault: kubelet.seccompDefault || flags.seccompDefault,
    /** Of this moment, too: the Node knows of the reach of eviction, and of its disk. */
    get allocatable() {
      return { cpu: `${amounts.cpu ?? 0}m`, memory: `${amounts.memory ?? 0}`, ...nodeAllocatable() };
    },
    sources: [
      ...(kubelet.staticPodPath ? ["file"] : []),
      ...(kubelet.staticPodURL ? ["http"] : []),
      ...(config.standalone ? [] : ["api"]),
    ],
    crashBackoffMax: kubelet.crashLoopBackOff.maxContainerRestartPeriod ?? seconds(300),
    pulls: {
      serializeImagePulls: isGiven(config, "serializeImagePulls") && kubelet.serializeImagePulls,
      maxParallelImagePulls: kubelet.maxParallelImagePulls,
      registryPullQps: kubelet.registryPullQPS,
      registryBurst: kubelet.registryBurst,
    },
    shape: {
      name: config.nodeName,
      labels: initialLabels(config.nodeName, goArch(process.arch), flags.nodeLabels),
      taints: kubelet.registerWithTaints,
      declaredFeatures: [],
      allocatable: { cpu: amounts.cpu ?? 0, memory: amounts.memory ?? 0, pods },
      allowedUnsafeSysctls: kubelet.allowedUnsafeSysctls,
      appArmor: machine.appArmor,
    },
  };
}
