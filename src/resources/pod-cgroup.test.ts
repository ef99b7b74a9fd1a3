import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../model/kubernetes.ts";
import type { CgroupValues } from "../ports/cgroups.ts";
import { DEFAULT_POLICY, type ResourceFacts } from "./facts.ts";
import { type CgroupDriver, cgroupPath, kubepodsName, podName, systemdName, uidOfCgroup } from "./names.ts";
import { podCgroup } from "./pod-cgroup.ts";

const MIB = 2 ** 20;
const FACTS: ResourceFacts = {
  cgroupVersion: 2,
  memoryBytes: 4096 * MIB,
  swapBytes: 0,
  pageSize: 4096,
  hugepageSizes: ["2MB"],
  swapController: false,
  policy: DEFAULT_POLICY,
};
const OPTIONS = {
  cgroupRoot: "",
  cgroupsPerQOS: true,
  driver: "cgroupfs" as CgroupDriver,
  podPidsLimit: -1,
  facts: FACTS,
};
const NONE = { "2MB": 0 };

const container = (resources?: ResourceRequirements, name = "web"): Container => ({
  name,
  ...(resources && { resources }),
});
const podOf = (containers: readonly Container[], spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { uid: "12-34" },
  spec: { containers, ...spec },
});
const GUARANTEED = { requests: { cpu: "500m", memory: "64Mi" }, limits: { cpu: "500m", memory: "64Mi" } };

const CASES: readonly {
  name: string;
  pod: Pod;
  options?: Partial<typeof OPTIONS>;
  path: string;
  values: CgroupValues;
}[] = [
  {
    name: "BestEffort: least shares only",
    pod: podOf([container()]),
    path: "/kubepods/besteffort/pod12-34",
    values: { cpuShares: 2, hugepageLimits: NONE },
  },
  {
    name: "Guaranteed: everything, in kubepods itself",
    pod: podOf([container(GUARANTEED)]),
    path: "/kubepods/pod12-34",
    values: { cpuShares: 512, cpuQuota: 50000, cpuPeriod: 100000, memoryLimitBytes: 64 * MIB, hugepageLimits: NONE },
  },
  {
    name: "Burstable: limits where every container has one",
    pod: podOf([
      container({ requests: { cpu: "100m" }, limits: { cpu: "1", memory: "64Mi" } }),
      container({ limits: { cpu: "1" } }, "b"),
    ]),
    path: "/kubepods/burstable/pod12-34",
    values: { cpuShares: 102, cpuQuota: 200000, cpuPeriod: 100000, hugepageLimits: NONE },
  },
  {
    name: "Burstable: a plain init container without a limit lifts it",
    pod: podOf([container({ requests: { cpu: "100m" }, limits: { cpu: "1" } })], {
      initContainers: [container(undefined, "init")],
    }),
    path: "/kubepods/burstable/pod12-34",
    values: { cpuShares: 102, hugepageLimits: NONE },
  },
  {
    name: "Burstable: the pod's own limits count for all",
    pod: podOf([container(), container(undefined, "b")], {
      resources: { requests: { cpu: "1" }, limits: { cpu: "2", memory: "64Mi" } },
    }),
    path: "/kubepods/burstable/pod12-34",
    values: { cpuShares: 1024, cpuQuota: 200000, cpuPeriod: 100000, memoryLimitBytes: 64 * MIB, hugepageLimits: NONE },
  },
  {
    name: "overhead is added",
    pod: podOf([container(GUARANTEED)], { overhead: { cpu: "500m", memory: "64Mi" } }),
    path: "/kubepods/pod12-34",
    values: { cpuShares: 1024, cpuQuota: 100000, cpuPeriod: 100000, memoryLimitBytes: 128 * MIB, hugepageLimits: NONE },
  },
  {
    name: "pids and huge pages",
    pod: podOf([container({ requests: { cpu: "1", "hugepages-2Mi": "4Mi" }, limits: { "hugepages-2Mi": "4Mi" } })]),
    options: { podPidsLimit: 100 },
    path: "/kubepods/burstable/pod12-34",
    values: { cpuShares: 1024, hugepageLimits: { "2MB": 4 * MIB }, pidsLimit: 100 },
  },
  {
    name: "no CFS quota: -1",
    pod: podOf([container(GUARANTEED)]),
    options: { facts: { ...FACTS, policy: { ...DEFAULT_POLICY, cpuCFSQuota: false } } },
    path: "/kubepods/pod12-34",
    values: { cpuShares: 512, cpuQuota: -1, cpuPeriod: 100000, memoryLimitBytes: 64 * MIB, hugepageLimits: NONE },
  },
  {
    name: "tiered memory: min for Guaranteed",
    pod: podOf([container(GUARANTEED)]),
    options: {
      cgroupRoot: "/deep/root/",
      facts: { ...FACTS, policy: { ...DEFAULT_POLICY, memoryReservationPolicy: "TieredReservation" } },
    },
    path: "/deep/root/kubepods/pod12-34",
    values: {
      cpuShares: 512,
      cpuQuota: 50000,
      cpuPeriod: 100000,
      memoryLimitBytes: 64 * MIB,
      hugepageLimits: NONE,
      unified: { "memory.min": `${64 * MIB}` },
    },
  },
  {
    name: "throttling by the pod's own limits",
    pod: podOf([container()], { resources: { requests: { memory: "64Mi" }, limits: { memory: "128Mi" } } }),
    options: { facts: { ...FACTS, policy: { ...DEFAULT_POLICY, memoryThrottlingFactor: 0.5 } } },
    path: "/kubepods/burstable/pod12-34",
    values: {
      cpuShares: 2,
      memoryLimitBytes: 128 * MIB,
      hugepageLimits: NONE,
      unified: { "memory.high": `${96 * MIB}` },
    },
  },
];
for (const { name, pod, options, path, values } of CASES) {
  test(`podCgroup() ${name}`, () =>
    assert.deepEqual(podCgroup(pod, { ...OPTIONS, ...options }), { parent: path, path, values }));
}

test("podCgroup() leaves the parent to the runtime without cgroups per QoS", () => {
  assert.equal(podCgroup(podOf([container()]), { ...OPTIONS, cgroupsPerQOS: false }).parent, "");
});

const NAMES: readonly { driver: CgroupDriver; root: string; path: string }[] = [
  { driver: "cgroupfs", root: "", path: "/kubepods/burstable/pod12-34" },
  { driver: "cgroupfs", root: "/a/b-c", path: "/a/b-c/kubepods/burstable/pod12-34" },
  { driver: "systemd", root: "/", path: "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice" },
  {
    driver: "systemd",
    root: "/b-c",
    path: "/b_c.slice/b_c-kubepods.slice/b_c-kubepods-burstable.slice/b_c-kubepods-burstable-pod12_34.slice",
  },
];
for (const { driver, root, path } of NAMES) {
  test(`cgroupPath() of a pod with ${driver} below "${root}"`, () => {
    const name = podName(root, "Burstable", "12-34");
    assert.equal(cgroupPath(name, driver), path);
    if (driver === "systemd") assert.deepEqual(systemdName(path), name);
  });
}

test("uidOfCgroup() knows pods from other cgroups", () => {
  const uids = (names: readonly string[], driver: CgroupDriver) => names.map((name) => uidOfCgroup(name, driver));
  assert.deepEqual(uids(["pod12-34", "pod", "burstable", "crio-1"], "cgroupfs"), [
    "12-34",
    ...[undefined, undefined, undefined],
  ]);
  const slices = ["kubepods-burstable-pod12_34.slice", "kubepods-podab.slice", "a_b-kubepods-burstable.slice"];
  assert.deepEqual(uids([...slices, "kubepods-pod.slice", "cri-containerd-pod1.scope"], "systemd"), [
    ...["12-34", "ab"],
    ...[undefined, undefined, undefined],
  ]);
  assert.deepEqual(kubepodsName("//a//b/"), ["a", "b", "kubepods"]);
});
