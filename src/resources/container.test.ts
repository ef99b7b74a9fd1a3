import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../model/kubernetes.ts";
import type { LinuxResources } from "../model/runtime.ts";
import { containerResources, sandboxResources } from "./container.ts";
import { DEFAULT_POLICY, type ResourceFacts, type ResourcePolicy } from "./facts.ts";
import { oomScoreAdj } from "./oom.ts";

const GIB = 2 ** 30;
const FACTS: ResourceFacts = {
  cgroupVersion: 2,
  memoryBytes: 4 * GIB,
  swapBytes: 2 * GIB,
  allocatableMemoryBytes: 3 * GIB,
  pageSize: 4096,
  hugepageSizes: ["1GB", "2MB"],
  swapController: true,
  policy: DEFAULT_POLICY,
};
const V1: ResourceFacts = { ...FACTS, cgroupVersion: 1 };
const withPolicy = (policy: Partial<ResourcePolicy>, facts = FACTS): ResourceFacts => ({
  ...facts,
  policy: { ...DEFAULT_POLICY, ...policy },
});

const container = (resources?: ResourceRequirements, name = "web"): Container => ({
  name,
  ...(resources && { resources }),
});
const podOf = (containers: readonly Container[], spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { uid: "u", name: "p" },
  spec: { containers, ...spec },
});
const resourcesOf = (resources: ResourceRequirements | undefined, facts = FACTS, spec: Partial<PodSpec> = {}) => {
  const only = container(resources);
  return containerResources(podOf([only], spec), only, facts);
};
const BURSTABLE = { requests: { cpu: "100m", memory: "1Gi" }, limits: { memory: "2Gi" } };

const NO_PAGES = [
  { pageSize: "1GB", limit: 0 },
  { pageSize: "2MB", limit: 0 },
];
const PLAIN = { "memory.oom.group": "1", "memory.swap.max": "0", "memory.min": "0", "memory.low": "0" };

const CASES: readonly {
  name: string;
  resources?: ResourceRequirements;
  facts?: ResourceFacts;
  spec?: Partial<PodSpec>;
  want: LinuxResources;
}[] = [
  {
    name: "nothing for a BestEffort container on v2 but the defaults",
    want: { cpuShares: 2, cpuQuota: 0, cpuPeriod: 100000, oomScoreAdj: 1000, hugepageLimits: NO_PAGES, unified: PLAIN },
  },
  {
    name: "v1 without unified keys, swap held to the memory limit",
    resources: BURSTABLE,
    facts: V1,
    want: {
      cpuShares: 102,
      cpuQuota: 0,
      cpuPeriod: 100000,
      memoryLimitBytes: 2 * GIB,
      memorySwapLimitBytes: 2 * GIB,
      oomScoreAdj: 750,
      hugepageLimits: NO_PAGES,
    },
  },
  {
    name: "shares from the limit where there is no request",
    resources: { limits: { cpu: "500m", memory: "64Mi" } },
    facts: { ...V1, swapController: false, hugepageSizes: [] },
    want: {
      cpuShares: 512,
      cpuQuota: 50000,
      cpuPeriod: 100000,
      memoryLimitBytes: 64 * 2 ** 20,
      oomScoreAdj: 999,
      hugepageLimits: [],
    },
  },
  {
    name: "neither quota nor period without cpuCFSQuota",
    resources: { requests: { cpu: "1" }, limits: { cpu: "2" } },
    facts: withPolicy({ cpuCFSQuota: false }, { ...V1, hugepageSizes: [] }),
    want: { cpuShares: 1024, oomScoreAdj: 999, hugepageLimits: [] },
  },
  {
    name: "huge pages asked for, others 0",
    resources: { requests: { cpu: "0", memory: "0", "hugepages-2Mi": "4Mi" }, limits: { "hugepages-2Mi": "4Mi" } },
    facts: { ...V1, swapController: false },
    want: {
      cpuShares: 2,
      cpuQuota: 0,
      cpuPeriod: 100000,
      oomScoreAdj: 1000,
      hugepageLimits: [
        { pageSize: "1GB", limit: 0 },
        { pageSize: "2MB", limit: 4 << 20 },
      ],
    },
  },
  {
    name: "the pod's limits where the container has none",
    facts: { ...V1, swapController: false, hugepageSizes: [] },
    spec: { resources: { requests: { memory: "1Gi" }, limits: { cpu: "1", memory: "2Gi" } } },
    want: {
      cpuShares: 1024,
      cpuQuota: 100000,
      cpuPeriod: 100000,
      memoryLimitBytes: 2 * GIB,
      oomScoreAdj: 750,
      hugepageLimits: [],
    },
  },
];
for (const { name, resources, facts, spec, want } of CASES) {
  test(`containerResources() gives ${name}`, () => assert.deepEqual(resourcesOf(resources, facts, spec), want));
}

const UNIFIED: readonly {
  name: string;
  resources: ResourceRequirements | undefined;
  facts: ResourceFacts;
  spec?: Partial<PodSpec>;
  want: object;
}[] = [
  {
    name: "no group kill where singleProcessOOMKill",
    resources: undefined,
    facts: withPolicy({ singleProcessOOMKill: true }),
    want: { "memory.swap.max": "0", "memory.min": "0", "memory.low": "0" },
  },
  {
    name: "memory.high=max with the gate off",
    resources: BURSTABLE,
    facts: withPolicy({ memoryQoS: false }, { ...FACTS, swapController: false }),
    want: { "memory.oom.group": "1", "memory.high": "max" },
  },
  {
    name: "only memory.low for tiered Burstable",
    resources: BURSTABLE,
    facts: withPolicy({ memoryReservationPolicy: "TieredReservation" }, { ...FACTS, swapController: false }),
    want: { "memory.oom.group": "1", "memory.low": `${GIB}` },
  },
  {
    name: "only memory.min for tiered Guaranteed",
    resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } },
    facts: withPolicy(
      { memoryReservationPolicy: "TieredReservation", memoryThrottlingFactor: 0.9 },
      { ...FACTS, swapController: false },
    ),
    want: { "memory.oom.group": "1", "memory.min": `${GIB}` },
  },
  {
    name: "memory.high between request and limit",
    resources: BURSTABLE,
    facts: withPolicy({ memoryThrottlingFactor: 0.9 }),
    want: { ...PLAIN, "memory.high": `${Math.floor((1.9 * GIB) / 4096) * 4096}` },
  },
  {
    name: "memory.high from the node's memory without a limit",
    resources: undefined,
    facts: withPolicy({ memoryThrottlingFactor: 0.5 }),
    want: { ...PLAIN, "memory.high": `${1.5 * GIB}` },
  },
  {
    name: "no memory.high where only the pod has a limit",
    resources: undefined,
    facts: withPolicy({ memoryThrottlingFactor: 0.5 }),
    spec: { resources: { limits: { memory: "2Gi" } } },
    want: PLAIN,
  },
  {
    name: "a share of swap by request",
    resources: BURSTABLE,
    facts: withPolicy({ swapBehavior: "LimitedSwap" }),
    want: { ...PLAIN, "memory.swap.max": `${GIB / 2}` },
  },
  {
    name: "no swap for a critical pod",
    resources: BURSTABLE,
    facts: withPolicy({ swapBehavior: "LimitedSwap" }),
    spec: { priority: 2_000_000_000 },
    want: PLAIN,
  },
  {
    name: "no swap where request equals limit",
    resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "1Gi" } },
    facts: withPolicy({ swapBehavior: "LimitedSwap" }),
    want: PLAIN,
  },
];
for (const { name, resources, facts, spec, want } of UNIFIED) {
  test(`containerResources() sends ${name}`, () => assert.deepEqual(resourcesOf(resources, facts, spec).unified, want));
}

const SCORES: readonly { name: string; pod: Pod; of?: string; want: number }[] = [
  {
    name: "Guaranteed",
    pod: podOf([container({ requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } })]),
    want: -997,
  },
  { name: "BestEffort", pod: podOf([container()]), want: 1000 },
  {
    name: "node-critical",
    pod: podOf([container()], { priority: 2_000_001_000, priorityClassName: "system-node-critical" }),
    want: -997,
  },
  {
    name: "cluster-critical like any other",
    pod: podOf([container()], { priority: 2_000_000_000, priorityClassName: "system-cluster-critical" }),
    want: 1000,
  },
  { name: "Burstable without memory request", pod: podOf([container({ requests: { cpu: "1" } })]), want: 999 },
  { name: "Burstable, a quarter of memory", pod: podOf([container({ requests: { memory: "1Gi" } })]), want: 750 },
  { name: "Burstable, nearly all", pod: podOf([container({ requests: { memory: "4095Mi" } })]), want: 3 },
  { name: "Burstable, more than there is", pod: podOf([container({ requests: { memory: "8Gi" } })]), want: 3 },
  {
    name: "pod-level request shared by two",
    pod: podOf([container({ requests: { memory: "1Gi" } }), container(undefined, "b")], {
      resources: { requests: { memory: "2Gi" } },
    }),
    of: "b",
    want: 875,
  },
  {
    name: "sidecar no higher than the lowest container",
    pod: podOf([container({ requests: { memory: "1Gi" } }), container({ requests: { memory: "2Gi" } }, "b")], {
      initContainers: [{ name: "side", restartPolicy: "Always" }],
    }),
    of: "side",
    want: 750,
  },
  {
    name: "sidecar by itself where it asks for more",
    pod: podOf([container({ requests: { memory: "1Gi" } })], {
      initContainers: [{ name: "side", restartPolicy: "Always", resources: { requests: { memory: "2Gi" } } }],
    }),
    of: "side",
    want: 500,
  },
  {
    name: "plain init container by itself",
    pod: podOf([container({ requests: { memory: "1Gi" } })], { initContainers: [{ name: "init" }] }),
    of: "init",
    want: 999,
  },
];
for (const { name, pod, of = "web", want } of SCORES) {
  test(`oomScoreAdj() of ${name} is ${want}`, () => {
    const found = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].find(
      (each) => each.name === of,
    );
    assert.ok(found);
    assert.equal(oomScoreAdj(pod, found, 4 * GIB), want);
  });
}

test("oomScoreAdj() never rises with the request, and keeps Burstable between the other classes", () => {
  const amount = fc.integer({ min: 1, max: 2 ** 43 });
  const scoreOf = (bytes: number) => {
    const only = container({ requests: { memory: `${bytes}` } });
    return oomScoreAdj(podOf([only]), only, 2 ** 40);
  };
  fc.assert(
    fc.property(amount, amount, (a, b) => {
      const [more, less] = [scoreOf(Math.max(a, b)), scoreOf(Math.min(a, b))];
      return 3 <= more && more <= less && less <= 999;
    }),
  );
});

test("sandboxResources() sums the containers and keeps overhead apart", () => {
  const pod = podOf(
    [
      container({ requests: { cpu: "100m" }, limits: { cpu: "1", memory: "1Gi" } }),
      container({ limits: { cpu: "1" } }, "b"),
    ],
    { overhead: { cpu: "250m", memory: "64Mi" } },
  );
  assert.deepEqual(sandboxResources(pod, V1), {
    resources: { cpuShares: 102, cpuQuota: 200000, cpuPeriod: 100000, memoryLimitBytes: GIB },
    overhead: { cpuShares: 256, cpuQuota: 25000, cpuPeriod: 100000, memoryLimitBytes: 64 * 2 ** 20 },
  });
  assert.deepEqual(sandboxResources(podOf([container()]), V1), {
    resources: { cpuShares: 2, cpuQuota: 0, cpuPeriod: 100000 },
    overhead: {},
  });
});
