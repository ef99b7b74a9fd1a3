import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault, KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import type { Pod, ResourceRequirements } from "../model/kubernetes.ts";
import type { Cgroups, CgroupValues } from "../ports/cgroups.ts";
import { DEFAULT_POLICY, type ResourceFacts } from "./facts.ts";
import { allocatable } from "./node-cgroups.ts";
import { createPodCgroups, type PodCgroupsOptions } from "./pod-cgroups.ts";

const FACTS: ResourceFacts = {
  cgroupVersion: 1,
  memoryBytes: 4096,
  swapBytes: 0,
  pageSize: 4096,
  hugepageSizes: [],
  swapController: false,
  policy: DEFAULT_POLICY,
};
const OPTIONS: PodCgroupsOptions = {
  cgroupRoot: "/own",
  cgroupsPerQOS: true,
  driver: "cgroupfs",
  podPidsLimit: 0,
  facts: FACTS,
  nodeAmounts: { cpu: 2000, memory: 4096 },
};

function memoryCgroups(...there: string[]) {
  const paths = new Set(there);
  const values = new Map<string, CgroupValues>();
  const writes: string[] = [];
  const refuse = new Set<string>();
  const busy = new Set<string>();
  const cgroups: Cgroups = {
    version: 1,
    exists: async (path) => paths.has(path),
    missingFrom: async (path) => (paths.has(path) ? [] : ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory"]),
    create: async (path) => void paths.add(path),
    write: async (path, value) => {
      if (refuse.has(path)) throw new KubeletError("busy", { code: "file-failed", path, errno: "EBUSY" });
      writes.push(path);
      values.set(path, value);
    },
    children: async (path) =>
      [...paths]
        .filter((each) => each.startsWith(`${path}/`))
        .map((each) => each.slice(path.length + 1).split("/")[0] ?? ""),
    processes: async (path) => (busy.has(path) ? [1234] : []),
    oomKills: async () => 0,
    destroy: async (path) => void paths.delete(path),
    hugepageSizes: () => [],
  };
  return { cgroups, paths, values, writes, refuse, busy };
}
const podOf = (uid: string, requests?: ResourceRequirements["requests"]): Pod => ({
  metadata: { uid },
  spec: { containers: [{ name: "c", ...(requests && { resources: { requests } }) }] },
});

test("openRoot() makes the three cgroups and bounds them", async () => {
  const { cgroups, values } = memoryCgroups("/own");
  await createPodCgroups(OPTIONS, cgroups).openRoot();
  assert.deepEqual(Object.fromEntries(values), {
    "/own/kubepods": { cpuShares: 2048, memoryLimitBytes: 4096, hugepageLimits: {} },
    "/own/kubepods/burstable": { cpuShares: 2, hugepageLimits: {} },
    "/own/kubepods/besteffort": { cpuShares: 2, hugepageLimits: {} },
  });
});

test("openRoot() refuses a cgroupRoot that is missing, naming where", async () => {
  const { cgroups, paths } = memoryCgroups();
  await assert.rejects(createPodCgroups(OPTIONS, cgroups).openRoot(), (error) => {
    return (
      isFault(error, "start-refused") &&
      /"\/own": it does not exist in \/sys\/fs\/cgroup\/cpu, \/sys\/fs\/cgroup\/memory/.test(error.message)
    );
  });
  assert.equal(paths.size, 0);
});

test("ensure() writes a pod's limits once, and burstable's shares as pods come and go", async () => {
  const { cgroups, values, writes } = memoryCgroups("/own");
  const pods = createPodCgroups(OPTIONS, cgroups);
  await pods.openRoot();
  await Promise.all([
    pods.ensure(podOf("a", { cpu: "250m" })),
    pods.ensure(podOf("b", { cpu: "250m" })),
    pods.ensure(podOf("c")),
  ]);
  assert.equal(values.get("/own/kubepods/burstable")?.cpuShares, 512);
  const before = writes.length;
  await pods.ensure(podOf("a", { cpu: "250m" }));
  assert.equal(writes.length, before, "nothing new, nothing written");
  assert.deepEqual(await pods.list(), ["a", "b", "c"]);
  await pods.remove("a");
  await pods.remove("a");
  assert.equal(values.get("/own/kubepods/burstable")?.cpuShares, 256);
  assert.deepEqual(await pods.list(), ["b", "c"]);
});

test("ensure() bounds a cgroup that an earlier life made and did not live to bound, and leaves one alone that something runs in", async () => {
  const [made, runs] = ["/own/kubepods/besteffort/poda", "/own/kubepods/besteffort/podb"];
  const { cgroups, values, writes, busy } = memoryCgroups("/own", made, runs);
  busy.add(runs);
  const pods = createPodCgroups(OPTIONS, cgroups);
  await pods.openRoot();
  for (const uid of ["a", "b", "a"]) await pods.ensure(podOf(uid));
  assert.equal(values.get(made)?.cpuShares, 2);
  assert.equal(writes.filter((path) => path === made).length, 1);
  assert.ok(!writes.includes(runs));
});

test("remove() finds the cgroup of a pod that this process has never seen", async () => {
  const { cgroups, paths } = memoryCgroups("/own", "/own/kubepods/besteffort/podx", "/own/kubepods/pody");
  const pods = createPodCgroups(OPTIONS, cgroups);
  assert.deepEqual(await pods.list(), ["x", "y"]);
  await pods.remove("x");
  await pods.remove("y");
  assert.deepEqual([...paths], ["/own"]);
});

test("a value that the kernel refuses stops nothing, and is tried again with the next pod", async () => {
  const { cgroups, values, refuse } = memoryCgroups("/own");
  const pods = createPodCgroups(OPTIONS, cgroups);
  refuse.add("/own/kubepods");
  await pods.openRoot();
  assert.equal(values.has("/own/kubepods"), false);
  refuse.clear();
  await pods.ensure(podOf("a"));
  assert.equal(values.get("/own/kubepods")?.cpuShares, 2048);
});

test("without cgroups per QoS nothing is touched", async () => {
  const { cgroups, paths } = memoryCgroups();
  const pods = createPodCgroups({ ...OPTIONS, cgroupsPerQOS: false }, cgroups);
  await pods.openRoot();
  await pods.ensure(podOf("a"));
  await pods.remove("a");
  assert.deepEqual([await pods.list(), paths.size], [[], 0]);
});

test("on v2 tiered memory protection sums up in kubepods and burstable", async () => {
  const { cgroups, values } = memoryCgroups("/own");
  const facts: ResourceFacts = {
    ...FACTS,
    cgroupVersion: 2,
    policy: { ...DEFAULT_POLICY, memoryReservationPolicy: "TieredReservation" },
  };
  const pods = createPodCgroups({ ...OPTIONS, facts }, cgroups);
  await pods.openRoot();
  await pods.ensure(podOf("a", { memory: "100" }));
  const both = { requests: { cpu: "1", memory: "11" }, limits: { cpu: "1", memory: "11" } };
  await pods.ensure({ metadata: { uid: "g" }, spec: { containers: [{ name: "c", resources: both }] } });
  assert.deepEqual(values.get("/own/kubepods")?.unified, { "memory.min": "111", "memory.low": "100" });
  assert.deepEqual(values.get("/own/kubepods/burstable")?.unified, { "memory.low": "100" });
  assert.deepEqual(values.get("/own/kubepods/podg")?.unified, { "memory.min": "11" });
});

test("allocatable() takes reservations off, never below nothing", () => {
  assert.deepEqual(
    allocatable({ cpu: 2000, memory: 100, pid: 50 }, [
      { cpu: 500, memory: 60 },
      { cpu: 100, memory: 60 },
    ]),
    { cpu: 1400, memory: 0, pid: 50 },
  );
});

test("openRoot() tells of pods that another driver made cgroups for, and lists ours only", async () => {
  const { cgroups, paths } = memoryCgroups("/own.slice", "/own/kubepods/burstable/podaa", "/own/kubepods/podbb");
  const told: unknown[] = [];
  const log = { ...silentLog, warn: (_: string, fields?: unknown) => void told.push(fields) };
  const pods = createPodCgroups({ ...OPTIONS, driver: "systemd" }, cgroups, log);
  await pods.openRoot();
  assert.deepEqual(told, [{ driver: "systemd", other: "cgroupfs", cgroup: "/own/kubepods", pods: 2 }]);
  await pods.ensure(podOf("1-2"));
  assert.deepEqual(await pods.list(), ["1-2"]);
  const slice = "/own.slice/own-kubepods.slice/own-kubepods-besteffort.slice";
  assert.ok(paths.has(`${slice}/own-kubepods-besteffort-pod1_2.slice`), [...paths].join());
  await assert.rejects(pods.ensure(podOf("1_2")), /"_" stands for "-"/);
});
