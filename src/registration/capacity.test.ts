import assert from "node:assert/strict";
import { test } from "node:test";
import { thresholdQuantity } from "../model/eviction-threshold.ts";
import { allocatableOf, machineCapacity, mergedCapacity, reservationProblems } from "./capacity.ts";
import { MACHINE, OPTIONS, SPACE } from "./fake-node.ts";

test("machineCapacity() writes amounts as upstream does", () => {
  const machine = { ...MACHINE, memoryBytes: 24684096 * 1024 };
  assert.deepEqual(machineCapacity(machine, { ...SPACE, capacityBytes: 270553174016 }, OPTIONS), {
    cpu: "2",
    "ephemeral-storage": "270553174016",
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    memory: "24684096Ki",
    pods: "110",
  });
});

test("machineCapacity() counts storage by thousands", () => {
  assert.equal(machineCapacity(MACHINE, SPACE, OPTIONS)["ephemeral-storage"], "100G");
});

test("machineCapacity() counts pods by core, never above maxPods", () => {
  assert.equal(machineCapacity(MACHINE, SPACE, { ...OPTIONS, podsPerCore: 10 }).pods, "20");
  assert.equal(machineCapacity(MACHINE, SPACE, { ...OPTIONS, podsPerCore: 100 }).pods, "110");
  assert.equal(machineCapacity(MACHINE, SPACE, { ...OPTIONS, maxPods: 2000 }).pods, "2k");
});

test("machineCapacity() leaves storage out where it is not accounted for, or not known", () => {
  assert.equal(
    machineCapacity(MACHINE, SPACE, { ...OPTIONS, ephemeralStorage: false })["ephemeral-storage"],
    undefined,
  );
  assert.equal(machineCapacity(MACHINE, undefined, OPTIONS)["ephemeral-storage"], undefined);
});

const capacity = {
  cpu: "4",
  memory: "8Gi",
  "ephemeral-storage": "270553174016",
  "hugepages-2Mi": "1Gi",
  pods: "110",
};

test("allocatableOf() takes off reservations, hard eviction and huge pages", () => {
  const options = {
    ...OPTIONS,
    reserved: [
      { cpu: "100m", memory: "200Mi" },
      { cpu: "0.4", memory: "56Mi", "ephemeral-storage": "1Gi" },
    ],
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "10%", "imagefs.available": "15%" },
  };
  assert.deepEqual(allocatableOf(capacity, {}, options), {
    cpu: "3500m",
    // 8Gi - 356Mi - 1Gi of huge pages
    memory: "6812Mi",
    // The capacity without 10 % of it, in upstream's 32 bits, and 1Gi.
    "ephemeral-storage": `${270553174016 - 27055317804 - 1024 ** 3}`,
    "hugepages-2Mi": "1Gi",
    pods: "110",
  });
});

test("allocatableOf() never goes below nothing", () => {
  const { memory, cpu } = allocatableOf(capacity, {}, { ...OPTIONS, reserved: [{ cpu: "8", memory: "8Gi" }] });
  assert.deepEqual({ memory, cpu }, { memory: "0", cpu: "0" });
});

test("allocatableOf() forgets an extended resource that has no capacity, and keeps what others advertise", () => {
  const before = { "example.com/gpu": "1", "example.com/old": "2" };
  const merged = mergedCapacity({ "example.com/gpu": "1" }, capacity);
  const result = allocatableOf(merged, before, OPTIONS);
  assert.equal(result["example.com/gpu"], "1");
  assert.equal(result["example.com/old"], undefined);
});

const thresholds: readonly (readonly [threshold: string, expected: string])[] = [
  ["100Mi", "100Mi"],
  ["10%", "27055317804"],
  ["0%", "0"],
  ["100%", "0"],
  ["nonsense", "0"],
];
for (const [threshold, expected] of thresholds)
  test(`thresholdQuantity() of ${threshold} is ${expected}`, () =>
    assert.equal(thresholdQuantity(threshold, 270553174016), expected));

test("reservationProblems() names what is promised twice", () => {
  assert.deepEqual(reservationProblems(capacity, OPTIONS), []);
  assert.deepEqual(reservationProblems(capacity, { ...OPTIONS, reserved: [{ cpu: "5" }] }), [
    "cpu: 5 is reserved of 4",
  ]);
});
