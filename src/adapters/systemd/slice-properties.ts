import type { CgroupValues } from "../../ports/cgroups.ts";
import { weightOfShares } from "../linux/cgroup-files.ts";
import type { Variant } from "./marshal.ts";

export type Property = readonly [name: string, value: Variant];

/** What a write means with systemd in charge. */
export interface SliceValues {
  /** For the unit. */
  readonly properties: readonly Property[];
  /** For the cgroup's files, which systemd does not all know: as asked for, with the quota that systemd makes of it. */
  readonly values: CgroupValues;
}

/** systemd.resource-control(5): "infinity". */
const INFINITY = 2n ** 64n - 1n;
const DEFAULT_PERIOD = 100_000;
/** systemd counts a quota in whole percents of a CPU: steps of 10 ms per second. */
const QUOTA_STEP = 10_000;
/** Older ones have no CPUQuotaPeriodUSec. */
const PERIOD_SINCE = 242;
const MEMORY_FILES: { readonly [file: string]: string } = {
  "memory.min": "MemoryMin",
  "memory.low": "MemoryLow",
  "memory.high": "MemoryHigh",
  "memory.max": "MemoryMax",
  "memory.swap.max": "MemorySwapMax",
};

/**
 * The unit's properties of a kubelet's slice, as the Go kubelet's cgroup library sets them: CPUWeight or CPUShares, CPUQuotaPerSecUSec, MemoryMax or
 * MemoryLimit, TasksMax, MemoryMin … Else systemd would write its own values over ours at its next look. `systemd`: its version.
 * https://www.freedesktop.org/software/systemd/man/systemd.resource-control.html
 */
export function sliceValues(version: 1 | 2, values: CgroupValues, systemd: number): SliceValues {
  const { cpuShares, memoryLimitBytes, pidsLimit, unified = {} } = values;
  const { properties: quota, cpuQuota } = cpuQuotaOf(values, systemd);
  const shares: readonly Property[] =
    cpuShares === undefined
      ? []
      : [version === 2 ? property("CPUWeight", weightOfShares(cpuShares)) : property("CPUShares", cpuShares)];
  return {
    properties: [
      ...(memoryLimitBytes ? [property(version === 2 ? "MemoryMax" : "MemoryLimit", memoryLimitBytes)] : []),
      ...shares,
      ...quota,
      ...(pidsLimit !== undefined && pidsLimit > 0 ? [property("TasksMax", pidsLimit)] : []),
      ...(version === 2 ? Object.entries(unified).flatMap(ofFile) : []),
    ],
    values: { ...values, ...(cpuQuota === undefined ? {} : { cpuQuota }) },
  };
}

/** The quota is rounded up to what systemd can hold, in the file as well: containers below must find room for theirs. */
function cpuQuotaOf({ cpuQuota = 0, cpuPeriod = 0 }: CgroupValues, systemd: number) {
  const ofPeriod = cpuPeriod !== 0 && systemd >= PERIOD_SINCE ? [property("CPUQuotaPeriodUSec", cpuPeriod)] : [];
  if (cpuQuota === 0 && cpuPeriod === 0) return { properties: ofPeriod, cpuQuota: undefined };
  if (cpuQuota <= 0) return { properties: [...ofPeriod, property("CPUQuotaPerSecUSec", -1)], cpuQuota: undefined };
  const period = cpuPeriod || DEFAULT_PERIOD;
  const perSecond = Math.floor((cpuQuota * 1_000_000) / period);
  const rounded = Math.ceil(perSecond / QUOTA_STEP) * QUOTA_STEP;
  return {
    properties: [...ofPeriod, property("CPUQuotaPerSecUSec", rounded)],
    cpuQuota: rounded === perSecond ? cpuQuota : Math.floor((rounded * period) / 1_000_000),
  };
}

function ofFile([file, content]: readonly [string, string]): readonly Property[] {
  const name = MEMORY_FILES[file];
  return name === undefined ? [] : [property(name, content === "max" ? -1 : Number(content))];
}

/** -1: no bound. */
const property = (name: string, value: number): Property => [
  name,
  { type: "t", value: value < 0 ? INFINITY : BigInt(value) },
];
