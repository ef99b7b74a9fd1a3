import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStats as ContainerReading } from "../model/runtime.ts";
import type { CgroupUsage } from "../ports/usage.ts";
import { buildSummary } from "./build.ts";
import { CpuRates } from "./rates.ts";
import type { PodReading, Readings } from "./readings.ts";
import { resourceMetrics } from "./resource-metrics.ts";
import { summaryJson } from "./shapes.ts";

const T0 = Date.parse("2026-01-02T03:04:05.600Z");
const memory = {
  usageBytes: 900,
  workingSetBytes: 600,
  rssBytes: 300,
  limitBytes: undefined,
  pageFaults: 1,
  majorPageFaults: 0,
};
const usageAt = (at: number, cpuNanos: number, over: Partial<CgroupUsage> = {}): CgroupUsage => ({
  at,
  cpuNanos,
  memory,
  swap: { usageBytes: 10, limitBytes: undefined },
  processes: 4,
  ...over,
});
const main = (at: number, nanos: number): ContainerReading => ({
  id: "c1",
  name: "main",
  podUid: "u1",
  cpu: { at, usageCoreNanoSeconds: nanos, usageNanoCores: undefined },
  memory: {
    at,
    workingSetBytes: 500,
    usageBytes: 700,
    rssBytes: undefined,
    availableBytes: undefined,
    pageFaults: undefined,
    majorPageFaults: undefined,
  },
  swap: { at, usageBytes: 1, availableBytes: 9 },
  writableLayer: { at, mountpoint: "/img", usedBytes: 12, inodesUsed: 3 },
});
const space = { capacityBytes: 1000, availableBytes: 400, usedBytes: 550, inodes: 100, inodesFree: 60 };

function readings(at: number, nanos: number, over: { whole?: boolean; pod?: Partial<PodReading> } = {}): Readings {
  return {
    at,
    node: {
      name: "n1",
      bootedAt: T0 - 3_600_000,
      memoryBytes: 10_000,
      hugepageBytes: 2000,
      swapBytes: 100,
      usage: usageAt(at, nanos * 4),
      system: [{ name: "pods", since: T0, usage: usageAt(at, nanos * 2) }],
      whole: over.whole
        ? {
            interfaces: [{ name: "eth0", rxBytes: 1, rxErrors: 2, txBytes: 3, txErrors: 4 }],
            rootSpace: space,
            images: { usage: { mountpoint: "/img", usedBytes: 77, inodesUsed: 7 }, space },
            tasks: { max: 32768, current: 200 },
          }
        : undefined,
    },
    pods: [
      {
        pod: { uid: "u1", name: "web", namespace: "default" },
        createdAt: T0 - 60_000,
        usage: usageAt(at, nanos),
        interfaces: undefined,
        containers: [{ createdAt: T0 - 50_000, reading: main(at, nanos) }],
        ...over.pod,
      },
    ],
  };
}

test("buildSummary() makes the whole summary of v1alpha1", () => {
  const rates = new CpuRates();
  buildSummary(readings(T0, 0), rates);
  const interfaces = [{ name: "net0", rxBytes: 5, rxErrors: 0, txBytes: 6, txErrors: 0 }];
  const whole = buildSummary(readings(T0 + 10_000, 1e9, { whole: true, pod: { interfaces } }), rates);
  const time = "2026-01-02T03:04:15Z";
  const cpu = (nanos: number) => ({ time, usageNanoCores: nanos / 10, usageCoreNanoSeconds: nanos });
  const group = { time, usageBytes: 900, workingSetBytes: 600, rssBytes: 300, pageFaults: 1, majorPageFaults: 0 };
  const fs = { time, availableBytes: 400, capacityBytes: 1000, inodesFree: 60, inodes: 100 };
  const image = { ...fs, usedBytes: 77, inodesUsed: 7 };
  assert.deepEqual(JSON.parse(summaryJson(whole)), {
    node: {
      nodeName: "n1",
      systemContainers: [
        {
          name: "pods",
          startTime: "2026-01-02T03:04:05Z",
          cpu: cpu(2e9),
          memory: group,
          swap: { time, swapUsageBytes: 10 },
        },
      ],
      startTime: "2026-01-02T02:04:05Z",
      cpu: cpu(4e9),
      memory: { ...group, availableBytes: 7400 },
      swap: { time, swapAvailableBytes: 90, swapUsageBytes: 10 },
      network: {
        time,
        name: "eth0",
        rxBytes: 1,
        rxErrors: 2,
        txBytes: 3,
        txErrors: 4,
        interfaces: [{ name: "eth0", rxBytes: 1, rxErrors: 2, txBytes: 3, txErrors: 4 }],
      },
      fs: { ...fs, usedBytes: 550, inodesUsed: 40 },
      runtime: { imageFs: image, containerFs: image },
      rlimit: { time, maxpid: 32768, curproc: 200 },
    },
    pods: [
      {
        podRef: { name: "web", namespace: "default", uid: "u1" },
        startTime: "2026-01-02T03:03:05Z",
        containers: [
          {
            name: "main",
            startTime: "2026-01-02T03:03:15Z",
            cpu: cpu(1e9),
            memory: { time, usageBytes: 700, workingSetBytes: 500 },
            swap: { time, swapAvailableBytes: 9, swapUsageBytes: 1 },
            rootfs: { ...fs, usedBytes: 12, inodesUsed: 3 },
          },
        ],
        cpu: cpu(1e9),
        memory: group,
        swap: { time, swapUsageBytes: 10 },
        network: { time, name: "", interfaces },
        process_stats: { process_count: 4 },
      },
    ],
  });
});

test("buildSummary() leaves out of the small one what is no CPU and no memory", () => {
  const { node, pods } = JSON.parse(summaryJson(buildSummary(readings(T0, 5), new CpuRates())));
  assert.deepEqual(Object.keys(node).sort(), ["cpu", "memory", "nodeName", "startTime", "swap", "systemContainers"]);
  assert.deepEqual(Object.keys(pods[0].containers[0]).sort(), ["cpu", "memory", "name", "startTime", "swap"]);
  assert.equal(node.cpu.usageNanoCores, undefined, "nothing to compare with yet");
});

test("buildSummary() sums up a pod that has no cgroup of its own", () => {
  const pod = {
    usage: undefined,
    containers: [
      { createdAt: T0, reading: main(T0, 5) },
      { createdAt: T0, reading: { ...main(T0 + 1000, 7), id: "c2", name: "side" } },
    ],
  };
  const [stats] = buildSummary(readings(T0, 5, { pod }), new CpuRates()).pods;
  assert.deepEqual(
    [stats?.cpu, stats?.memory],
    [
      { time: T0 + 1000, usageCoreNanoSeconds: 12 },
      { time: T0 + 1000, workingSetBytes: 1000 },
    ],
  );
});

test("buildSummary() remembers nothing of what went", () => {
  const rates = new CpuRates();
  buildSummary(readings(T0, 0), rates);
  assert.equal(rates.size, 4);
  buildSummary({ ...readings(T0, 0), pods: [] }, rates);
  assert.equal(rates.size, 2);
});

test("resourceMetrics() prints what metrics-server reads, dated to the millisecond", () => {
  const summary = buildSummary(readings(T0, 1.5e9), new CpuRates());
  assert.equal(
    resourceMetrics(summary),
    `# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="main",pod="web",namespace="default"} 1.5 ${T0}
# HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="main",pod="web",namespace="default"} 500 ${T0}
# HELP container_start_time_seconds [STABLE] Start time of the container since unix epoch in seconds
# TYPE container_start_time_seconds gauge
container_start_time_seconds{container="main",pod="web",namespace="default"} ${(T0 - 50_000) / 1000}
# HELP container_swap_limit_bytes [ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems
# TYPE container_swap_limit_bytes gauge
container_swap_limit_bytes{container="main",pod="web",namespace="default"} 10 ${T0}
# HELP container_swap_usage_bytes [ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems
# TYPE container_swap_usage_bytes gauge
container_swap_usage_bytes{container="main",pod="web",namespace="default"} 1 ${T0}
# HELP node_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the node in core-seconds
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 6 ${T0}
# HELP node_memory_working_set_bytes [STABLE] Current working set of the node in bytes
# TYPE node_memory_working_set_bytes gauge
node_memory_working_set_bytes 600 ${T0}
# HELP node_swap_usage_bytes [ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems
# TYPE node_swap_usage_bytes gauge
node_swap_usage_bytes 10 ${T0}
# HELP pod_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the pod in core-seconds
# TYPE pod_cpu_usage_seconds_total counter
pod_cpu_usage_seconds_total{pod="web",namespace="default"} 1.5 ${T0}
# HELP pod_memory_working_set_bytes [STABLE] Current working set of the pod in bytes
# TYPE pod_memory_working_set_bytes gauge
pod_memory_working_set_bytes{pod="web",namespace="default"} 600 ${T0}
# HELP pod_swap_usage_bytes [ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems
# TYPE pod_swap_usage_bytes gauge
pod_swap_usage_bytes{pod="web",namespace="default"} 10 ${T0}
# HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise
# TYPE resource_scrape_error gauge
resource_scrape_error 0
`,
  );
});

test("resourceMetrics() says no more than that it failed", () => {
  assert.match(
    resourceMetrics(undefined),
    /^# HELP resource_scrape_error .*\n# TYPE resource_scrape_error gauge\nresource_scrape_error 1\n$/,
  );
});
