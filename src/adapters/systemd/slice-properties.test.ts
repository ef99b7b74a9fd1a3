import assert from "node:assert/strict";
import { test } from "node:test";
import type { CgroupValues } from "../../ports/cgroups.ts";
import { sliceValues } from "./slice-properties.ts";

const ENDLESS = "18446744073709551615";
const CASES: readonly {
  readonly name: string;
  readonly values: CgroupValues;
  readonly systemd?: number;
  readonly v1: readonly string[];
  readonly v2: readonly string[];
  /** Of the file, where systemd makes another of it. */
  readonly quota?: number;
}[] = [
  { name: "nothing", values: {}, v1: [], v2: [] },
  {
    name: "shares as a weight",
    values: { cpuShares: 1024 },
    v1: ["CPUShares=1024"],
    v2: ["CPUWeight=39"],
  },
  {
    name: "memory and processes",
    values: { memoryLimitBytes: 1 << 20, pidsLimit: 100 },
    v1: ["MemoryLimit=1048576", "TasksMax=100"],
    v2: ["MemoryMax=1048576", "TasksMax=100"],
  },
  { name: "no limit that is not set", values: { memoryLimitBytes: 0, pidsLimit: 0, cpuQuota: 0 }, v1: [], v2: [] },
  {
    name: "a quota in whole percents",
    values: { cpuQuota: 25_000, cpuPeriod: 100_000 },
    v1: ["CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=250000"],
    v2: ["CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=250000"],
    quota: 25_000,
  },
  {
    name: "a quota that systemd rounds up",
    values: { cpuQuota: 33_300, cpuPeriod: 100_000 },
    v1: ["CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=340000"],
    v2: ["CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=340000"],
    quota: 34_000,
  },
  {
    name: "no quota, with a period and an old systemd",
    values: { cpuQuota: -1, cpuPeriod: 50_000 },
    systemd: 239,
    v1: [`CPUQuotaPerSecUSec=${ENDLESS}`],
    v2: [`CPUQuotaPerSecUSec=${ENDLESS}`],
    quota: -1,
  },
  {
    name: "files of cgroup v2 that systemd knows",
    values: { unified: { "memory.min": "5", "memory.low": "0", "memory.high": "max", "memory.oom.group": "1" } },
    v1: [],
    v2: ["MemoryMin=5", "MemoryLow=0", `MemoryHigh=${ENDLESS}`],
  },
];
for (const { name, values, systemd = 252, v1, v2, quota } of CASES)
  test(`sliceValues() tells systemd of ${name}`, () => {
    for (const [version, wanted] of [[1, v1] as const, [2, v2] as const]) {
      const both = sliceValues(version, values, systemd);
      const told = both.properties.map(([property, { type, value }]) => {
        assert.equal(type, "t");
        return `${property}=${value}`;
      });
      assert.deepEqual(told, wanted, `v${version}`);
      assert.deepEqual(both.values, { ...values, ...(quota === undefined ? {} : { cpuQuota: quota }) });
    }
  });
