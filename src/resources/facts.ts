/** What the resource rules need to know of the node beside the pod itself. */
export interface ResourceFacts {
  readonly cgroupVersion: 1 | 2;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** Memory for pods: capacity without reservations. Undefined while not known: then no memory.high for containers without a limit. */
  readonly allocatableMemoryBytes?: number;
  readonly pageSize: number;
  /** As `Cgroups.hugepageSizes()`: "2MB". */
  readonly hugepageSizes: readonly string[];
  /** Can swap be limited at all? */
  readonly swapController: boolean;
  readonly policy: ResourcePolicy;
}

/** From KubeletConfiguration, by the same names. */
export interface ResourcePolicy {
  readonly cpuCFSQuota: boolean;
  /** `cpuCFSQuotaPeriod`, 1000 to 1000000. */
  readonly cpuCFSQuotaPeriodMicros: number;
  readonly swapBehavior: "" | "NoSwap" | "LimitedSwap";
  readonly singleProcessOOMKill: boolean | undefined;
  /** The feature gate. */
  readonly memoryQoS: boolean;
  readonly memoryReservationPolicy: "None" | "TieredReservation";
  readonly memoryThrottlingFactor: number | undefined;
}

/** A node of cgroup v2 with every default: what tests and simulations start from. */
export const DEFAULT_POLICY: ResourcePolicy = {
  cpuCFSQuota: true,
  cpuCFSQuotaPeriodMicros: 100_000,
  swapBehavior: "",
  singleProcessOOMKill: undefined,
  memoryQoS: true,
  memoryReservationPolicy: "None",
  memoryThrottlingFactor: undefined,
};
