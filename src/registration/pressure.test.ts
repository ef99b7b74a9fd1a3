import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../base/units.ts";
import { PressureMemory, pressureNow, signalsOf } from "./pressure.ts";

const readings = new Map([
  ["memory.available", { available: 150 * 1024 ** 2, capacity: 4 * 1024 ** 3 }],
  ["nodefs.available", { available: 12e9, capacity: 100e9 }],
  ["nodefs.inodesFree", { available: 40_000, capacity: 1e6 }],
  ["imagefs.available", { available: 12e9, capacity: 100e9 }],
  ["pid.available", { available: 900, capacity: 32768 }],
]);

const cases: readonly (readonly [name: string, thresholds: { [signal: string]: string }, expected: string[]])[] = [
  ["none", {}, []],
  ["memory enough", { "memory.available": "100Mi" }, []],
  ["memory short", { "memory.available": "200Mi" }, ["memory"]],
  ["memory short by percent", { "memory.available": "5%" }, ["memory"]],
  ["disk enough", { "nodefs.available": "10%", "nodefs.inodesFree": "3%" }, []],
  ["disk space short", { "imagefs.available": "15%" }, ["disk"]],
  ["inodes short", { "nodefs.inodesFree": "5%" }, ["disk"]],
  ["processes short", { "pid.available": "1k" }, ["pid"]],
  ["turned off", { "memory.available": "100%", "nodefs.available": "0%" }, []],
  ["a signal nobody could read", { "containerfs.available": "99%" }, []],
];
for (const [name, thresholds, expected] of cases)
  test(`pressureNow(): ${name}`, () => assert.deepEqual([...pressureNow(readings, thresholds)], expected));

test("signalsOf() names what has to be read", () => {
  const hard = { "memory.available": "100Mi", "pid.available": "0%" };
  assert.deepEqual([...signalsOf(hard, { "nodefs.available": "5%" })], ["memory.available", "nodefs.available"]);
});

test("PressureMemory holds a condition until nothing was seen of it for the transition period", () => {
  const memory = new PressureMemory(seconds(300));
  assert.equal(memory.judge(new Set(["disk"]), 0).disk, true);
  assert.equal(memory.judge(new Set(), 200_000).disk, true);
  assert.equal(memory.judge(new Set(["disk"]), 290_000).disk, true);
  assert.equal(memory.judge(new Set(), 589_000).disk, true);
  assert.deepEqual(memory.judge(new Set(), 590_000), { memory: false, disk: false, pid: false });
});
