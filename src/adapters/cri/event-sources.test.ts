import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RuntimeEvent } from "../../model/runtime.ts";
import { fromCriEvent, fromEnvelope } from "./event-sources.ts";
import { containerd, type runtime } from "./generated/cri.js";

const envelope = (topic: string, value: Uint8Array, namespace = "k8s.io") => ({
  topic,
  namespace,
  event: { typeUrl: "", value },
});
const killed = {
  ...{ containerId: "c1", id: "c1", exitStatus: 137 },
  exitedAt: { seconds: 1_700_000_000, nanos: 250_000_000 },
};
const exit = (id: string) => containerd.TaskExit.encode({ containerId: "c1", id, pid: 7, exitStatus: 1 }).finish();

describe("fromEnvelope()", () => {
  const CASES = [
    [
      "a start",
      envelope("/tasks/start", containerd.TaskStart.encode({ containerId: "c1" }).finish()),
      { kind: "started", id: "c1" },
    ],
    [
      "an exit",
      envelope("/tasks/exit", containerd.TaskExit.encode(killed).finish()),
      { kind: "exited", id: "c1", exitCode: 137, finishedAt: 1_700_000_000_250, reason: "Error" },
    ],
    [
      "a good end",
      envelope("/tasks/exit", containerd.TaskExit.encode({ ...killed, exitStatus: 0 }).finish()),
      { kind: "exited", id: "c1", exitCode: 0, finishedAt: 1_700_000_000_250, reason: "Completed" },
    ],
    ["an exit without its time", envelope("/tasks/exit", exit("c1")), { kind: "stopped", id: "c1" }],
    [
      "a task's deletion",
      envelope("/tasks/delete", containerd.TaskDelete.encode({ containerId: "c1" }).finish()),
      { kind: "task deleted", id: "c1" },
    ],
    [
      "the deletion of an exec probe: nothing",
      envelope("/tasks/delete", containerd.TaskDelete.encode({ containerId: "c1", id: "probe-1" }).finish()),
      undefined,
    ],
    [
      "an OOM kill",
      envelope("/tasks/oom", containerd.TaskOOM.encode({ containerId: "c1" }).finish()),
      { kind: "oom", id: "c1" },
    ],
    [
      "a creation",
      envelope("/containers/create", containerd.ContainerCreate.encode({ id: "c1", image: "i" }).finish()),
      { kind: "created", id: "c1" },
    ],
    [
      "a deletion",
      envelope("/containers/delete", containerd.ContainerDelete.encode({ id: "c1" }).finish()),
      { kind: "deleted", id: "c1" },
    ],
    ["the exit of an exec probe: nothing", envelope("/tasks/exit", exit("probe-1")), undefined],
    ["a container of Docker: nothing", envelope("/tasks/exit", exit("c1"), "moby"), undefined],
    ["an unknown topic: nothing", envelope("/images/create", new Uint8Array()), undefined],
    ["no payload: nothing", { topic: "/tasks/exit", namespace: "k8s.io" }, undefined],
  ] as const;
  for (const [name, message, event] of CASES) it(`reads ${name}`, () => assert.deepEqual(fromEnvelope(message), event));
});

describe("fromCriEvent()", () => {
  const CASES: readonly (readonly [string, runtime.v1.ContainerEventResponse.$Properties, RuntimeEvent | undefined])[] =
    [
      [
        "with the pod's uid",
        { containerId: "c1", containerEventType: 2, podSandboxStatus: { metadata: { uid: "u" } } },
        { kind: "stopped", id: "c1", podUid: "u" },
      ],
      ["without a sandbox status", { containerId: "c1", containerEventType: 3 }, { kind: "deleted", id: "c1" }],
      ["type 0, which is not on the wire", { containerId: "c1" }, { kind: "created", id: "c1" }],
      [
        "a type from the future: nothing",
        { containerId: "c1", containerEventType: 9 as runtime.v1.ContainerEventType },
        undefined,
      ],
      ["no container: nothing", { containerEventType: 1 }, undefined],
    ];
  for (const [name, message, event] of CASES) it(`reads ${name}`, () => assert.deepEqual(fromCriEvent(message), event));
});
