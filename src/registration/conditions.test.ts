import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeCondition } from "../model/kubernetes.ts";
import { conditionsDiffer, joined, updateConditions } from "./conditions.ts";

const CALM = { memory: false, disk: false, pid: false };
const THEN = "2026-01-01T00:00:00Z";
const NOW = "2026-01-01T00:10:00Z";

const short = (conditions: readonly NodeCondition[]) =>
  conditions.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`);

test("updateConditions() writes the four of a new node, Ready last", () => {
  const { conditions, changes } = updateConditions([], CALM, [], THEN);
  assert.deepEqual(short(conditions), [
    "MemoryPressure=False KubeletHasSufficientMemory: kubelet has sufficient memory available",
    "DiskPressure=False KubeletHasNoDiskPressure: kubelet has no disk pressure",
    "PIDPressure=False KubeletHasSufficientPID: kubelet has sufficient PID available",
    "Ready=True KubeletReady: kubelet is posting ready status",
  ]);
  assert.deepEqual(
    changes.map(({ reason }) => reason),
    ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"],
  );
});

test("updateConditions() writes pressure and problems", () => {
  const problems = ["container runtime is down", "CSINode is not yet initialized"];
  const { conditions } = updateConditions([], { memory: true, disk: true, pid: true }, problems, THEN);
  assert.deepEqual(short(conditions), [
    "MemoryPressure=True KubeletHasInsufficientMemory: kubelet has insufficient memory available",
    "DiskPressure=True KubeletHasDiskPressure: kubelet has disk pressure",
    "PIDPressure=True KubeletHasInsufficientPID: kubelet has insufficient PID available",
    "Ready=False KubeletNotReady: [container runtime is down, CSINode is not yet initialized]",
  ]);
});

test("updateConditions() moves the time of transition only with the status, and keeps others' conditions in place", () => {
  const before = updateConditions([{ type: "Drained", status: "False" }], CALM, [], THEN).conditions;
  const { conditions, changes } = updateConditions(before, CALM, ["container runtime is down"], NOW);
  assert.deepEqual(
    conditions.map(({ type, lastTransitionTime, lastHeartbeatTime }) => [type, lastTransitionTime, lastHeartbeatTime]),
    [
      ["Drained", undefined, undefined],
      ["MemoryPressure", THEN, NOW],
      ["DiskPressure", THEN, NOW],
      ["PIDPressure", THEN, NOW],
      ["Ready", NOW, NOW],
    ],
  );
  assert.deepEqual(changes, [{ type: "Ready", reason: "NodeNotReady" }]);
});

test("updateConditions() answers the node controller's Unknown", () => {
  const before = updateConditions([], CALM, [], THEN).conditions;
  const lost = before.map((one) => ({ ...one, status: "Unknown", reason: "NodeStatusUnknown", message: "gone" }));
  const { conditions, changes } = updateConditions(lost, CALM, [], NOW);
  assert.deepEqual(
    conditions.map(({ reason }) => reason),
    ["KubeletHasSufficientMemory", "KubeletHasNoDiskPressure", "KubeletHasSufficientPID", "KubeletReady"],
  );
  assert.equal(changes.at(-1)?.reason, "NodeReady");
});

test("joined() prints several errors as Go does, each once", () => {
  assert.equal(joined(["a"]), "a");
  assert.equal(joined(["a", "a"]), "a");
  assert.equal(joined(["a", "b", "a"]), "[a, b]");
});

test("conditionsDiffer() looks past heartbeats and order", () => {
  const before = updateConditions([], CALM, [], THEN).conditions;
  const later = updateConditions(before, CALM, [], NOW).conditions;
  assert.equal(conditionsDiffer(before, later.toReversed()), false);
  assert.equal(conditionsDiffer(before, updateConditions(before, CALM, ["x"], NOW).conditions), true);
  assert.equal(conditionsDiffer(before, before.slice(1)), true);
});
