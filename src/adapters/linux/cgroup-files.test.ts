import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CgroupValues } from "../../ports/cgroups.ts";
import { cgroupFiles, weightOfShares } from "./cgroup-files.ts";

test("weightOfShares() gives upstream's anchors", () => {
  const anchors = [
    [2, 1],
    [102, 4],
    [256, 10],
    [512, 20],
    [1024, 39],
    [2048, 79],
    [4096, 157],
    [262143, 9999],
    [262144, 10000],
  ] as const;
  for (const [shares, weight] of anchors) assert.equal(weightOfShares(shares), weight, `${shares}`);
});

test("weightOfShares() never falls as shares rise, and stays in the kernel's range", () => {
  const shares = fc.integer({ min: 2, max: 300_000 });
  fc.assert(
    fc.property(shares, shares, (a, b) => {
      const [low, high] = [weightOfShares(Math.min(a, b)), weightOfShares(Math.max(a, b))];
      return 1 <= low && low <= high && high <= 10000;
    }),
  );
});

const CASES: readonly { name: string; values: CgroupValues; v1: readonly string[]; v2: readonly string[] }[] = [
  { name: "nothing", values: {}, v1: [], v2: [] },
  {
    name: "0 is unset, but shares are always written",
    values: { cpuShares: 2, cpuQuota: 0, memoryLimitBytes: 0, pidsLimit: 0 },
    v1: ["cpu.shares=2"],
    v2: ["cpu.weight=1"],
  },
  {
    name: "a quota with its period",
    values: { cpuQuota: 20000, cpuPeriod: 100000 },
    v1: ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=20000"],
    v2: ["cpu.max=20000 100000"],
  },
  {
    name: "no quota",
    values: { cpuQuota: -1, cpuPeriod: 100000 },
    v1: ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=-1"],
    v2: ["cpu.max=max 100000"],
  },
  {
    name: "memory and pids",
    values: { memoryLimitBytes: 1024, pidsLimit: 9 },
    v1: ["memory.limit_in_bytes=1024", "pids.max=9"],
    v2: ["memory.max=1024", "pids.max=9"],
  },
  { name: "unified keys only on v2", values: { unified: { "memory.min": "0" } }, v1: [], v2: ["memory.min=0"] },
  {
    name: "unbounded huge pages",
    values: { hugepageLimits: { "2MB": 2 ** 62 } },
    v1: ["hugetlb.2MB.limit_in_bytes=4611686018427387904", "hugetlb.2MB.rsvd.limit_in_bytes=4611686018427387904"],
    v2: ["hugetlb.2MB.max=4611686018427387904", "hugetlb.2MB.rsvd.max=4611686018427387904"],
  },
];
for (const { name, values, v1, v2 } of CASES) {
  test(`cgroupFiles() writes ${name}`, () => {
    const shown = (version: 1 | 2) => cgroupFiles(version, values).map(({ file, content }) => `${file}=${content}`);
    assert.deepEqual([shown(1), shown(2)], [v1, v2]);
  });
}
