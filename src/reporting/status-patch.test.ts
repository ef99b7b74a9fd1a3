import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodStatus } from "../model/kubernetes.ts";
import { patched } from "../sim/kube-api-patch.ts";
import { withoutEmpty } from "./merge-status.ts";
import { statusPatch } from "./status-patch.ts";

const ready = { type: "Ready", status: "False", reason: "ContainersNotReady", message: "m" };
const scheduled = { type: "PodScheduled", status: "True" };
const container = (name: string, restartCount: number) => ({
  name,
  image: "i",
  imageID: "",
  ready: true,
  restartCount,
});

const cases: readonly {
  readonly name: string;
  readonly from: PodStatus;
  readonly to: PodStatus;
  readonly status: object | undefined;
}[] = [
  { name: "is nothing where nothing changed", from: { phase: "Running" }, to: { phase: "Running" }, status: undefined },
  {
    name: "has only what changed, and null for what is gone",
    from: { phase: "Pending", reason: "Waiting", podIP: "10.0.0.1" },
    to: { phase: "Running", podIP: "10.0.0.1" },
    status: { phase: "Running", reason: null },
  },
  {
    name: "leaves fields of others alone",
    from: { phase: "Pending", nominatedNodeName: "n", resize: "Deferred" },
    to: { phase: "Running" },
    status: { phase: "Running" },
  },
  {
    name: "merges conditions by type and tells their order",
    from: { conditions: [scheduled, ready] },
    to: { conditions: [{ type: "Ready", status: "True" }, scheduled] },
    status: {
      "$setElementOrder/conditions": [{ type: "Ready" }, { type: "PodScheduled" }],
      conditions: [{ type: "Ready", status: "True", reason: null, message: null }],
    },
  },
  {
    name: "takes a condition away",
    from: { conditions: [scheduled, ready] },
    to: { conditions: [scheduled] },
    status: {
      "$setElementOrder/conditions": [{ type: "PodScheduled" }],
      conditions: [{ $patch: "delete", type: "Ready" }],
    },
  },
  {
    name: "merges addresses by address",
    from: { podIPs: [{ ip: "10.0.0.1" }] },
    to: { podIPs: [{ ip: "10.0.0.2" }] },
    status: {
      "$setElementOrder/podIPs": [{ ip: "10.0.0.2" }],
      podIPs: [{ ip: "10.0.0.2" }, { $patch: "delete", ip: "10.0.0.1" }],
    },
  },
  {
    name: "has the whole list of container statuses",
    from: { containerStatuses: [container("a", 0), container("b", 0)] },
    to: { containerStatuses: [container("a", 0), container("b", 1)] },
    status: { containerStatuses: [container("a", 0), container("b", 1)] },
  },
];
for (const { name, from, to, status } of cases) {
  test(`statusPatch() ${name}`, () => {
    const patch = statusPatch("u", from, to);
    assert.deepEqual(patch, status && { metadata: { uid: "u" }, status });
    const object = { metadata: { uid: "u" }, status: from };
    const after = patch ? (patched(object, "strategic", patch) as { status: PodStatus }).status : from;
    for (const field of Object.keys(to) as (keyof PodStatus)[])
      assert.deepEqual(withoutEmpty(after[field]), withoutEmpty(to[field]));
  });
}
