import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { Chance } from "../sim/chance.ts";
import { Disk } from "../sim/disk.ts";
import { Faults } from "../sim/faults.ts";
import { SimFiles } from "../sim/sim-files.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { World } from "../sim/world.ts";
import { finishPod, removeContainer } from "./finish.ts";

const life = new AbortController().signal;
const intent = { goal: "stop", uid: "u", pod: undefined, grace: seconds(1) } as const;

/** A node where pod `u` left a container with logs, a sandbox and a directory, beside another pod's. Its calls are noted in order. */
function open({ logPath = "/var/log/pods/default_p_u/web/0.log", broken = "" } = {}) {
  const time = new VirtualTime();
  const faults = new Faults();
  const disk = new Disk();
  const world = new World(time, new Chance(1));
  for (const path of [
    "/kubelet/pods/u/volumes",
    "/kubelet/pods/other",
    "/var/log/pods/default_p_u/web",
    "/var/log/pods/default_q_other",
    "/var/log/containers",
  ]) {
    makeDirectory(disk, path);
  }
  for (const name of ["0.log", "0.log.20260101", "1.log"]) {
    disk.put(disk.walk(`/var/log/pods/default_p_u/web/${name}`, false), disk.file(0o640, new Uint8Array()));
  }
  disk.put(disk.walk("/var/log/containers/p_default_web-c1.log", false), disk.symlink(logPath));
  const calls: string[] = [];
  const call = (name: string) => async (id: string) => {
    calls.push(`${name} ${id}`);
    if (broken === name) throw new KubeletError(`Cannot ${name}`, { code: "runtime-timeout", call: name });
  };
  const seen = {
    uid: "u",
    name: "p",
    namespace: "default",
    sandboxes: [{ id: "s1" }, { id: "s0" }],
    containers: [{ id: "c1", name: "web", state: "exited", logPath }],
  } as unknown as PodSnapshot;
  const deps = {
    runtime: { stopSandbox: call("stop"), removeSandbox: call("remove"), removeContainer: call("remove") },
    files: new SimFiles(disk, world, faults, life),
    rootDir: "/kubelet",
    podLogsDir: "/var/log/pods",
    containerLogsDir: "/var/log/containers",
    cgroups: { remove: call("cgroup") },
    volumes: { tearDown: call("volumes") },
    desk: { forget: (uid: string) => void calls.push(`forget ${uid}`) },
    see: () => seen,
    log: silentLog,
  };
  const run = async (work: Promise<void>) => {
    work.catch(() => {});
    await time.runUntil(10_000, () => {});
    return work;
  };
  return { deps, calls, disk, faults, run };
}

function makeDirectory(disk: Disk, path: string): void {
  const parts = path.split("/").slice(1);
  for (const depth of parts.keys()) {
    const place = disk.walk(`/${parts.slice(0, depth + 1).join("/")}`, false);
    if (!place.entry) disk.put(place, disk.directory(0o755));
  }
}

test("finishPod() removes containers, sandboxes, volumes, cgroup and directories in this order, and nothing of other pods", async () => {
  const { deps, calls, disk, run } = open();
  await run(finishPod(intent, new Set(["s1"]), deps, life));
  assert.deepEqual(calls, ["forget u", "remove c1", "remove s1", "stop s0", "remove s0", "volumes u", "cgroup u"]);
  const left = [...disk.paths()].filter((path) => path.includes("/pods/") || path.includes("/containers/"));
  assert.deepEqual(left, ["/kubelet/pods/other", "/var/log/pods/default_q_other"]);
});

test("finishPod() leaves what comes after a step that failed, for the next try to find", async () => {
  const { deps, calls, disk, run } = open({ broken: "volumes" });
  await assert.rejects(run(finishPod(intent, new Set(), deps, life)), /Cannot volumes/);
  assert.equal(calls.at(-1), "volumes u");
  assert.ok([...disk.paths()].includes("/kubelet/pods/u/volumes"));
});

test("removeContainer() takes its logs, rotated ones too, and the link; not those of other instances", async () => {
  const { deps, disk, run } = open();
  await run(removeContainer("u", "c1", deps, life));
  const left = [...disk.paths()].filter((path) => path.includes(".log"));
  assert.deepEqual(left, ["/var/log/pods/default_p_u/web/1.log"]);
});

test("removeContainer() removes no file outside the log directory, whatever the runtime says", async () => {
  for (const logPath of ["/kubelet/pods/other", "/var/log/pods/../../../kubelet/pods/other", ""]) {
    const { deps, calls, disk, run } = open({ logPath });
    const before = [...disk.paths()];
    await run(removeContainer("u", "c1", deps, life));
    assert.deepEqual([...disk.paths()], before, logPath);
    assert.deepEqual(calls, ["remove c1"]);
  }
});
