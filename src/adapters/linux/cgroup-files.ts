import type { CgroupValues } from "../../ports/cgroups.ts";

/** One write into a cgroup. `optional`: skipped where the kernel doesn't have the file. */
export interface CgroupFile {
  /** v1: which hierarchy. */
  readonly controller: string;
  readonly file: string;
  readonly content: string;
  readonly optional?: boolean;
}

/** As the kubelet: linear from shares [2, 262144] to weight [1, 10000], whole numbers. Runtimes map container shares differently. */
export function weightOfShares(shares: number): number {
  if (shares >= 262144) return 10000;
  return 1 + Math.floor(((Math.max(2, shares) - 2) * 9999) / 262142);
}

export const cgroupFiles = (version: 1 | 2, values: CgroupValues): readonly CgroupFile[] =>
  version === 1 ? v1Files(values) : v2Files(values);

function v1Files(values: CgroupValues): readonly CgroupFile[] {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit, hugepageLimits = {} } = values;
  return [
    ...one("cpu", "cpu.shares", cpuShares),
    // The period first: the kernel checks a quota against the period that holds by then.
    ...one("cpu", "cpu.cfs_period_us", set(cpuPeriod)),
    ...one("cpu", "cpu.cfs_quota_us", set(cpuQuota)),
    ...one("memory", "memory.limit_in_bytes", set(memoryLimitBytes)),
    ...one("pids", "pids.max", positive(pidsLimit)),
    ...Object.entries(hugepageLimits).flatMap(([size, limit]) => [
      optional("hugetlb", `hugetlb.${size}.limit_in_bytes`, limit),
      optional("hugetlb", `hugetlb.${size}.rsvd.limit_in_bytes`, limit),
    ]),
  ];
}

function v2Files(values: CgroupValues): readonly CgroupFile[] {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit, hugepageLimits = {}, unified = {} } = values;
  return [
    ...one("cpu", "cpu.weight", cpuShares === undefined ? undefined : weightOfShares(cpuShares)),
    ...one("cpu", "cpu.max", cpuMax(set(cpuQuota), set(cpuPeriod))),
    ...one("memory", "memory.max", memoryLimitBytes === -1 ? "max" : set(memoryLimitBytes)),
    ...one("pids", "pids.max", positive(pidsLimit)),
    ...Object.entries(hugepageLimits).flatMap(([size, limit]) => [
      optional("hugetlb", `hugetlb.${size}.max`, limit),
      optional("hugetlb", `hugetlb.${size}.rsvd.max`, limit),
    ]),
    ...Object.entries(unified).map(([file, content]) => ({ controller: file.split(".")[0] ?? "", file, content })),
  ];
}

function cpuMax(quota: number | undefined, period: number | undefined): string | undefined {
  if (quota === undefined && period === undefined) return undefined;
  const most = quota === undefined || quota < 0 ? "max" : `${quota}`;
  return period === undefined ? most : `${most} ${period}`;
}

/** 0 means unset, in quota, period and memory. */
const set = (value: number | undefined): number | undefined => (value === 0 ? undefined : value);
const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

const one = (controller: string, file: string, value: number | string | undefined): readonly CgroupFile[] =>
  value === undefined ? [] : [{ controller, file, content: `${value}` }];

const optional = (controller: string, file: string, value: number): CgroupFile => ({
  controller,
  file,
  content: plain(value),
  optional: true,
});

/** 2^62 ("no bound") has no exact neighbour problem in text: print the power of two itself, not 4.6e18. */
const plain = (value: number): string => BigInt(value).toString();
