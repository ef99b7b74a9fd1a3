import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffCurve } from "../base/backoff.ts";
import { instant, seconds } from "../base/units.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Memory } from "./memory.ts";

const web = { name: "web", image: "i:1" };

function open() {
  const time = new VirtualTime();
  const memory = new Memory(
    time.clock(new AbortController().signal),
    backoffCurve(seconds(10), seconds(300), seconds(600)),
  );
  const pass = (span: number) => time.runUntil(time.now() + span, () => {});
  /** The container crashed just now. How long must it wait, in ms? */
  const wait = (container = web) => {
    const hold = memory.hold(container, time.wall(), "p_default(u)");
    return hold && hold.until - time.now();
  };
  return { time, memory, pass, wait };
}

test("Memory: the first restart comes at once, each further one waits twice as long, up to the limit", async () => {
  const { time, memory, pass, wait } = open();
  const waits: (number | undefined)[] = [];
  for (let restart = 0; restart < 8; restart++) {
    const blocked = wait();
    waits.push(blocked);
    await pass(blocked ?? 0);
    memory.advance(web, time.wall());
  }
  assert.deepEqual(waits, [undefined, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
});

test("Memory: a container that ran long enough begins anew, and so does another image", async () => {
  const { time, memory, pass, wait } = open();
  for (let restart = 0; restart < 4; restart++) memory.advance(web, time.wall());
  assert.equal(wait({ ...web, image: "i:2" }), undefined);
  assert.equal(wait(), 80_000);
  await pass(600_001);
  assert.equal(wait(), undefined);
});

test("Memory: the back-off ends though the wall clock was set back", async () => {
  const { time, memory, wait } = open();
  const end = time.wall();
  memory.advance(web, end);
  assert.equal(wait(), 10_000);
  time.jumpWall(-3_600_000);
  assert.equal(memory.hold(web, end, "p"), undefined);
});

test("Memory: a container that could not be started waits as one that crashed, once its end is seen", async () => {
  const { time, memory, wait } = open();
  memory.fail("web", { reason: "RunContainerError", message: "no" }, instant(12_000));
  assert.equal(memory.hold(web, undefined, "p")?.reason, "RunContainerError");
  assert.equal(wait(), undefined);
  memory.advance(web, time.wall());
  assert.equal(memory.hold(web, time.wall(), "p")?.reason, "CrashLoopBackOff");
  assert.equal(wait(), 10_000);
});

test("Memory: a failed start holds its container until the next try, with its own reason", async () => {
  const { memory, pass } = open();
  memory.fail("web", { reason: "CreateContainerError", message: "no" }, instant(5_000));
  assert.deepEqual(memory.hold(web, undefined, "p"), { reason: "CreateContainerError", message: "no", until: 5_000 });
  assert.equal(memory.hold({ name: "log" }, undefined, "p"), undefined);
  await pass(5_001);
  assert.equal(memory.hold(web, undefined, "p"), undefined);
});

test("Memory: when what the pod refers to changed, containers that could not be configured need not wait", () => {
  const { memory } = open();
  const until = instant(5_000);
  memory.fail("web", { reason: "CreateContainerConfigError", message: 'secret "s" not found' }, until);
  memory.fail("log", { reason: "RunContainerError", message: "no" }, until);
  assert.equal(memory.renew(0), false);
  assert.notEqual(memory.hold(web, undefined, "p"), undefined);
  assert.equal(memory.renew(1), true);
  assert.equal(memory.hold(web, undefined, "p"), undefined);
  assert.notEqual(memory.hold({ name: "log" }, undefined, "p"), undefined);
});

test("Memory: the message of the back-off names its length, container and pod", () => {
  const { time, memory } = open();
  memory.advance(web, time.wall());
  const hold = memory.hold(web, time.wall(), "p_default(u)");
  assert.equal(hold?.reason, "CrashLoopBackOff");
  assert.equal(hold?.message, "back-off 10s restarting failed container=web pod=p_default(u)");
});

test("Memory tells of each wait after an end once", () => {
  const time = new VirtualTime();
  const memory = new Memory(
    time.clock(new AbortController().signal),
    backoffCurve(seconds(10), seconds(300), seconds(600)),
  );
  const waiting = new Map([
    ["a", { reason: "CrashLoopBackOff", message: "" }],
    ["b", { reason: "ErrImagePull", message: "" }],
  ]);
  const ended = (id: string) =>
    ({ containers: [{ id, name: "a", state: "exited", sandboxId: "s" }] }) as unknown as PodSnapshot;
  assert.deepEqual(memory.newBackoffs(waiting, ended("1")), ["a"]);
  assert.deepEqual(memory.newBackoffs(waiting, ended("1")), []);
  assert.deepEqual(memory.newBackoffs(waiting, ended("2")), ["a"]);
});

test("Memory: what had ended by itself before it was stopped does not start again for that", () => {
  const { time, memory } = open();
  const ended = (id: string, finishedAt: number) => ({ id, name: "web", state: "exited", finishedAt, sandboxId: "s" });
  memory.stopToRestart("before");
  memory.stopToRestart("after");
  const containers = [ended("before", time.wall() - 1), ended("after", time.wall() + 1)];
  memory.keepOnly({ containers } as unknown as PodSnapshot);
  assert.deepEqual([...memory.restarting], ["after"]);
});
