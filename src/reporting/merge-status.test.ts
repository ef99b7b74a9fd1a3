import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodStatus } from "../model/kubernetes.ts";
import { mergeStatus, sameStatus } from "./merge-status.ts";

const NOW = "2026-01-01T00:00:00Z";
const merge = (base: PodStatus, wanted: PodStatus, more: { quiet?: boolean; isStatic?: boolean } = {}): PodStatus =>
  mergeStatus({ base, wanted, quiet: true, isStatic: false, now: NOW, ...more });
const ready = (status: string) => ({ type: "Ready", status });
const gate = (status: string) => ({ type: "example.com/gate", status });
const doomed = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" };

const cases: readonly {
  readonly name: string;
  readonly base: PodStatus;
  readonly wanted: PodStatus;
  readonly more?: { quiet?: boolean; isStatic?: boolean };
  readonly merged: PodStatus;
}[] = [
  {
    name: "keeps conditions and fields of others, and takes its own",
    base: {
      phase: "Pending",
      conditions: [gate("True"), doomed, ready("False")],
      nominatedNodeName: "n",
      resourceClaimStatuses: [{ name: "gpu" }],
    },
    wanted: { phase: "Running", podIP: "10.0.0.1", conditions: [gate("False"), ready("True")] },
    merged: {
      phase: "Running",
      podIP: "10.0.0.1",
      nominatedNodeName: "n",
      resourceClaimStatuses: [{ name: "gpu" }],
      conditions: [gate("True"), doomed, ready("True")],
    },
  },
  {
    name: "drops its own conditions that it does not say any more",
    base: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "True" }] },
    wanted: { phase: "Failed", reason: "OutOfcpu", message: "m" },
    merged: { phase: "Failed", reason: "OutOfcpu", message: "m", conditions: [] },
  },
  {
    name: "does not take an end back",
    base: { phase: "Failed", reason: "Evicted", message: "low on memory" },
    wanted: { phase: "Running", reason: "x", message: "y" },
    merged: { phase: "Failed", reason: "Evicted", message: "low on memory", conditions: [] },
  },
  {
    name: "takes the end of a static pod back, which may come again",
    base: { phase: "Succeeded" },
    wanted: { phase: "Running" },
    more: { isStatic: true },
    merged: { phase: "Running", conditions: [] },
  },
  {
    name: "tells no end while something may run, but all the rest",
    base: { phase: "Running" },
    wanted: { phase: "Failed", reason: "DeadlineExceeded", podIP: "10.0.0.1" },
    more: { quiet: false },
    merged: { phase: "Running", podIP: "10.0.0.1", conditions: [] },
  },
  {
    name: "never tells of an ended pod that it is ready",
    base: { phase: "Running", conditions: [ready("True")] },
    wanted: { phase: "Succeeded", conditions: [ready("True")] },
    merged: {
      phase: "Succeeded",
      conditions: [{ type: "Ready", status: "False", reason: "PodCompleted", lastTransitionTime: NOW }],
    },
  },
  {
    name: "tells why it ended a pod only together with the end",
    base: { phase: "Running", conditions: [{ ...doomed, status: "False" }] },
    wanted: { phase: "Failed", conditions: [{ ...doomed, reason: "TerminationByKubelet" }] },
    merged: { phase: "Failed", conditions: [{ ...doomed, reason: "TerminationByKubelet" }] },
  },
  {
    name: "withholds that while something runs",
    base: { phase: "Running", conditions: [] },
    wanted: { phase: "Failed", conditions: [doomed] },
    more: { quiet: false },
    merged: { phase: "Running", conditions: [] },
  },
  {
    name: "never goes back to an older generation",
    base: { phase: "Running", observedGeneration: 4 },
    wanted: { phase: "Running", observedGeneration: 3 },
    merged: { phase: "Running", observedGeneration: 4, conditions: [] },
  },
];
for (const { name, base, wanted, more, merged } of cases) {
  test(`mergeStatus() ${name}`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(merge(base, wanted, more))), merged);
  });
}

test("sameStatus() sees through what JSON of Go writes for nothing", () => {
  const ours: PodStatus = {
    phase: "Running",
    containerStatuses: [{ name: "c", image: "i", imageID: "", ready: true, restartCount: 0, state: { running: {} } }],
  };
  const theirs = {
    ...ours,
    reason: "",
    podIPs: [],
    containerStatuses: [{ ...ours.containerStatuses?.[0], lastState: {}, state: { running: { startedAt: null } } }],
  } as unknown as PodStatus;
  assert.ok(sameStatus(ours, theirs));
  assert.ok(!sameStatus(ours, { ...ours, phase: "Pending" }));
});

test("sameStatus() looks at its own conditions, and not at their times", () => {
  const at = (time: string, generation: number): PodStatus => ({
    conditions: [{ ...ready("True"), lastTransitionTime: time, observedGeneration: generation }],
  });
  assert.ok(sameStatus(at("2026-01-01T00:00:00Z", 1), at("2026-01-01T00:00:01Z", 2)));
  assert.ok(sameStatus({ conditions: [ready("True"), gate("True")] }, { conditions: [ready("True")] }));
  assert.ok(!sameStatus({ conditions: [ready("True")] }, { conditions: [ready("False")] }));
  assert.ok(!sameStatus({ conditions: [ready("True")] }, { conditions: [{ ...ready("True"), message: "m" }] }));
});
