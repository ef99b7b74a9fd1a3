/** The systemd driver and logind's watch, against a D-Bus peer of our own: real sockets, and the machine's real cgroups. What systemd itself makes of it is tested in the virtual machine. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createCgroups, createClock, detectHost } from "../../src/adapters/linux/index.ts";
import { logindShutdowns, openUnits, systemdCgroups } from "../../src/adapters/systemd/index.ts";
import { isFault } from "../../src/base/fault.ts";
import { seconds } from "../../src/base/units.ts";
import { cgroupsContract } from "../../src/ports/cgroups.contract.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { FakeBus, FakeSystemd, NOTHING } from "../support/fake-bus.ts";

const clock = createClock();
const { cgroupVersion } = detectHost();

/** No time passes by it. */
const patient: Clock = {
  ...clock,
  sleep: (_span, signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
};

async function started(kind: "peer" | "bus" = "peer", by = clock) {
  const folder = mkdtempSync(join(tmpdir(), "kubelet-ts-systemd-"));
  const bus = await FakeBus.open(join(folder, "bus"));
  const life = new AbortController();
  const place = { path: bus.path, kind };
  return {
    ...{ folder, bus, life, place },
    systemd: new FakeSystemd(bus),
    units: openUnits({ places: [{ path: join(folder, "absent"), kind: "bus" }, place], clock: by }, life.signal),
    async [Symbol.asyncDispose]() {
      life.abort(new Error("the test is over"));
      await bus[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

let count = 0;
cgroupsContract(`cgroups v${cgroupVersion} by systemd`, async () => {
  const made = await started();
  const cgroups = systemdCgroups(createCgroups({ version: cgroupVersion, root: "/sys/fs/cgroup" }), made.units);
  const slice = `kubelettssystemd${process.pid}x${count++}`;
  const path = `/${slice}.slice`;
  const children: ChildProcess[] = [];
  return {
    cgroups,
    path,
    below: (...elements) =>
      elements.reduce((all, _, place) => `${all}/${[slice, ...elements.slice(0, place + 1)].join("-")}.slice`, path),
    spawn: async (at: string) => {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" });
      children.push(child);
      await once(child, "spawn");
      const depth = cgroupVersion === 1 ? "*/" : "";
      for (const file of globSync(`/sys/fs/cgroup/${depth}${at.slice(1)}/cgroup.procs`))
        writeFileSync(file, `${child.pid}`);
      return child.pid ?? 0;
    },
    async [Symbol.asyncDispose]() {
      await cgroups.destroy(path);
      for (const child of children) child.kill("SIGKILL");
      await made[Symbol.asyncDispose]();
    },
  };
});

for (const kind of ["peer", "bus"] as const)
  test(`units are started, set and stopped over a ${kind}, whatever was there before`, async () => {
    // A job whose end is not told for a while would be asked for, which would be one call more.
    await using made = await started(kind, patient);
    const { units, systemd } = made;
    await units.startSlice("a-b.slice", "a.slice");
    await units.startSlice("a-b.slice", "a.slice");
    await units.setProperties("a-b.slice", [["CPUWeight", { type: "t", value: 5n }]]);
    await units.setProperties("a-b.slice", []);
    await units.stop("a-b.slice");
    await units.stop("a-b.slice");
    assert.equal(await units.version(), 252);
    const start =
      "StartTransientUnit a-b.slice Description=Pods of the kubelet: a-b.slice Wants=a.slice MemoryAccounting=true CPUAccounting=true IOAccounting=true TasksAccounting=true DefaultDependencies=false";
    assert.deepEqual(systemd.asked, [
      ...[start, start, "StartUnit a-b.slice", "SetUnitProperties a-b.slice CPUWeight=5"],
      ...["StopUnit a-b.slice", "ResetFailedUnit a-b.slice", "StopUnit a-b.slice", "ResetFailedUnit a-b.slice"],
    ]);
  });

test("units are asked for again when the connection breaks, also while systemd works", async () => {
  await using made = await started();
  const { units, systemd, bus } = made;
  await units.startSlice("a.slice", "-.slice");
  bus.drop();
  await units.setProperties("a.slice", [["TasksMax", { type: "t", value: 5n }]]);
  let cuts = 0;
  bus.answer = (call) => {
    if (call.member === "StopUnit" && cuts++ < 2) {
      setImmediate(() => bus.drop());
      return undefined;
    }
    return systemd.answer(call);
  };
  await units.stop("a.slice");
  assert.deepEqual([...systemd.units], []);
});

test("units are asked for again while systemd is away for a moment", async () => {
  await using made = await started();
  const { units, systemd, bus } = made;
  let away = 3;
  bus.answer = (call) => (away-- > 0 ? { error: "org.freedesktop.DBus.Error.NoReply" } : systemd.answer(call));
  await units.startSlice("a.slice", "-.slice");
  assert.deepEqual([...systemd.units], ["a.slice"]);
});

test("a job whose end nobody told is known by the unit's state", async () => {
  await using made = await started();
  made.systemd.losesSignals = true;
  await made.units.startSlice("a.slice", "-.slice");
  assert.ok(made.systemd.asked.includes("GetUnit a.slice"));
  await made.units.stop("a.slice");
});

test("a job that fails is told with the unit's name and systemd's word", async () => {
  await using made = await started();
  made.systemd.result = "failed";
  await assert.rejects(
    made.units.startSlice("a.slice", "-.slice"),
    (error) => isFault(error, "file-failed") && /Cannot start a\.slice: .*"failed"/.test(error.message),
  );
});

test("a machine without systemd is told by the socket that nobody answers at", async () => {
  const life = new AbortController();
  const units = openUnits({ places: [{ path: "/nowhere/bus", kind: "bus" }], clock }, life.signal);
  await assert.rejects(
    units.startSlice("a.slice", "-.slice"),
    (error) => isFault(error, "file-failed") && /D-Bus at \/nowhere\/bus: .*ENOENT/.test(error.message),
  );
});

test("a peer that speaks nonsense ends the connection and nothing else", async () => {
  await using made = await started();
  await made.units.startSlice("a.slice", "-.slice");
  made.bus.emit("/x".repeat(3 << 20), "a.b", "c", "", []);
  await made.units.stop("a.slice");
});

test("cgroups by systemd refuse a path that no slice has", async () => {
  await using made = await started();
  const cgroups = systemdCgroups(createCgroups({ version: cgroupVersion, root: "/sys/fs/cgroup" }), made.units);
  for (const path of ["/kubepods", "/a.slice/b.slice", "/a--b.slice", "/-.slice"])
    await assert.rejects(cgroups.create(path), (error) => isFault(error, "file-failed"), path);
  assert.deepEqual(made.systemd.asked, []);
});

function logind(made: Awaited<ReturnType<typeof started>>) {
  const state = { delay: 5_000_000n, preparing: false, reloads: 0 };
  const dropIn = join(made.folder, "logind.conf.d/99-kubelet.conf");
  made.bus.answer = ({ member, body }) => {
    if (member === "KillUnit") {
      state.reloads++;
      state.delay = BigInt(/InhibitDelayMaxSec=(\d+)/.exec(readFileSync(dropIn, "utf8"))?.[1] ?? 0) * 1_000_000n;
      return NOTHING;
    }
    if (member === "Inhibit") return { error: "org.freedesktop.login1.OperationInProgress" };
    if (body[1] === "PreparingForShutdown") return { signature: "v", body: [{ type: "b", value: state.preparing }] };
    return { signature: "v", body: [{ type: "t", value: state.delay }] };
  };
  return { state, dropIn, shutdowns: logindShutdowns({ place: { path: made.bus.path, kind: "bus" }, dropIn, clock }) };
}

test("logind is told to wait longer by a file in the Go kubelet's words", async () => {
  await using made = await started("bus");
  const { state, dropIn, shutdowns } = logind(made);
  using watch = await shutdowns.watch(made.life.signal);
  assert.equal(await watch.longestHold(made.life.signal), seconds(5));
  await watch.allowHold(seconds(61.5), made.life.signal);
  assert.equal(readFileSync(dropIn, "utf8"), "# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=62\n");
  assert.deepEqual([await watch.longestHold(made.life.signal), state.reloads], [seconds(62), 1]);
});

test("logind's notices begin with how it is, and end with the connection", async () => {
  await using made = await started("bus");
  const { state, shutdowns } = logind(made);
  state.preparing = true;
  using watch = await shutdowns.watch(made.life.signal);
  const told: boolean[] = [];
  for await (const notice of watch.notices(made.life.signal)) {
    told.push(notice);
    const say = (begins: boolean) =>
      made.bus.emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForShutdown", "b", [begins]);
    if (told.length === 1) say(false);
    else if (told.length === 2) say(true);
    else made.bus.drop();
  }
  assert.deepEqual(told, [true, false, true]);
});

test("a lock that logind does not give is told in its words", async () => {
  await using made = await started("bus");
  const { shutdowns } = logind(made);
  using watch = await shutdowns.watch(made.life.signal);
  await assert.rejects(
    watch.hold(made.life.signal),
    (error) => isFault(error, "file-failed") && /inhibitor lock of logind at .*: says no/.test(error.message),
  );
});
