import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import { Chance } from "../sim/chance.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { VolumeUpdates } from "./updates.ts";

const podOf = (uid: string, more: Pod["metadata"] = {}): Pod => ({
  metadata: { uid, name: uid, ...more },
  spec: { containers: [{ name: "c" }], volumes: [{ name: "v", configMap: { name: "c" } }] },
});

function open() {
  const time = new VirtualTime();
  const stop = new AbortController();
  const done: string[] = [];
  const told: string[] = [];
  const bugs: unknown[] = [];
  const state = {
    takes: 0,
    problem: undefined as Error | undefined,
    onDone: undefined as (() => Promise<void>) | undefined,
  };
  const clock = time.clock(stop.signal);
  const updates = new VolumeUpdates(
    {
      volumes: {
        refresh: async (pod, signal) => {
          await clock.sleep(state.takes as never, signal);
          done.push(`${uidOf(pod)} ${Math.round(time.now())}`);
          void state.onDone?.();
          if (state.problem) throw state.problem;
        },
      },
      clock,
      random: new Chance(1),
      events: { record: ({ reason, message }) => void told.push(`${reason}: ${message}`) },
      log: silentLog,
      onBug: (error) => void bugs.push(error),
    },
    stop.signal,
  );
  const pass = (span: number) => time.runUntil(time.now() + span, () => {});
  return { updates, done, told, bugs, state, pass, stop };
}

test("VolumeUpdates: rings that come while it works are one more turn", async () => {
  const { updates, done, state, pass } = open();
  state.takes = 10;
  updates.want([podOf("a"), podOf("b")]);
  updates.ring("a");
  await pass(5);
  for (let ring = 0; ring < 5; ring++) updates.ring("a");
  updates.ring("unknown");
  await pass(100);
  assert.deepEqual(done, ["a 10", "a 20"]);
});

test("VolumeUpdates: tells of a failure and tries again, ever more rarely, at once when rung", async () => {
  const { updates, done, told, state, pass } = open();
  updates.want([podOf("a")]);
  state.problem = new KubeletError("no such thing", { code: "volume-not-mounted", volume: "v" });
  updates.ring("a");
  await pass(60_000);
  const tries = done.length;
  assert.ok(tries >= 5 && tries <= 8, `${done}`);
  assert.deepEqual(new Set(told), new Set(["FailedMount: no such thing"]));
  state.problem = undefined;
  updates.ring("a");
  await pass(1);
  assert.equal(done.length, tries + 1);
  await pass(600_000);
  assert.equal(done.length, tries + 1);
});

test("VolumeUpdates: says nothing of what lasts for a moment only, nor to a pod that is to go", async () => {
  const { updates, done, told, state, pass } = open();
  const leaving = podOf("b", { deletionTimestamp: "2026-01-01T00:00:00Z" });
  updates.want([podOf("a"), leaving]);
  state.problem = new KubeletError("no such thing", { code: "volume-not-mounted", volume: "v" });
  for (const uid of ["a", "b"]) updates.ring(uid);
  await pass(200);
  updates.ring("a");
  await pass(100);
  // What it names is deleted and made anew, or is deleted just before the pod is.
  updates.want([leaving]);
  await pass(60_000);
  assert.deepEqual(told, []);
  assert.ok(done.filter((one) => one.startsWith("b ")).length > 5, "a token of a long farewell is still renewed");
});

test("VolumeUpdates: a ring is heard whenever it comes", async () => {
  for (let turns = 0; turns < 20; turns++) {
    const { updates, done, state, pass } = open();
    state.onDone = async () => {
      state.onDone = undefined;
      for (let turn = 0; turn < turns; turn++) await undefined;
      updates.ring("a");
    };
    updates.want([podOf("a")]);
    updates.ring("a");
    await pass(1);
    assert.equal(done.length, 2, `rung ${turns} turns of the microtask queue after the work`);
  }
});

test("VolumeUpdates: a pod's own change is shown, its status is not", async () => {
  const { updates, done, pass } = open();
  updates.want([podOf("a", { labels: { x: "1" } })]);
  updates.want([{ ...podOf("a", { labels: { x: "1" } }), status: { phase: "Running" } }]);
  await pass(1);
  assert.deepEqual(done, []);
  updates.want([podOf("a", { labels: { x: "2" } })]);
  await pass(1);
  assert.equal(done.length, 1);
});

test("VolumeUpdates: keeps nothing of pods that are gone, nor of those without such volumes", async () => {
  const { updates, done, state, pass, bugs } = open();
  updates.want([podOf("a"), { metadata: { uid: "plain" }, spec: { containers: [] } }]);
  assert.equal(updates.size, 1);
  state.takes = 1000;
  updates.ring("a");
  await pass(10);
  updates.want([]);
  await pass(10_000);
  assert.deepEqual([updates.size, done, bugs], [0, [], []]);
});

test("VolumeUpdates: a bug is no failure", async () => {
  const { updates, state, pass, bugs } = open();
  updates.want([podOf("a")]);
  state.problem = new TypeError("a bug");
  updates.ring("a");
  await pass(1);
  assert.deepEqual(bugs, [state.problem]);
});
