import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import { type PodReport, StatusBoard } from "./board.ts";

const POD: Pod = {
  metadata: { name: "p", namespace: "default", uid: "u" },
  spec: { containers: [{ name: "c", image: "i" }] },
};
const MESSAGE_FILE = "/root/pods/u/containers/c/12345678";

const CONTAINER: PodSnapshot["containers"][number] = {
  id: "one",
  sandboxId: "s",
  name: "c",
  attempt: 0,
  state: "exited",
  createdAt: 1000,
  startedAt: 2000,
  finishedAt: 3000,
  exitCode: 1,
  reason: "Error",
  message: "",
  image: "i",
  imageRef: "i",
  imageId: "i",
  labels: {},
  annotations: { "io.kubernetes.container.terminationMessagePath": "/dev/termination-log" },
  mounts: [
    {
      containerPath: "/dev/termination-log",
      hostPath: MESSAGE_FILE,
      readonly: false,
      seLinuxRelabel: false,
      propagation: "private",
    },
  ],
  logPath: "/logs/c/0.log",
  user: undefined,
  resources: undefined,
};

const report = (doing: string): PodReport => ({
  uid: "u",
  pod: POD,
  seen: { uid: "u", name: "p", namespace: "default", sandboxes: [], containers: [CONTAINER] },
  waiting: new Map(),
  sandboxReason: undefined,
  goal: "run",
  ended: false,
  released: false,
  doing,
});

test("report() shows last words with the newest report, though they were read for one before", async () => {
  const file = Promise.withResolvers<Uint8Array>();
  const clock: Clock = { monotonic: () => assert.fail(), wall: () => new Date(5000), sleep: () => assert.fail() };
  const board = new StatusBoard({
    clock,
    files: { readTail: () => file.promise },
    rootDir: "/root",
    podLogsDir: "/logs",
    nodeIps: () => [],
    runtimeName: () => "containerd",
    logTail: () => "",
  });
  board.report(report("first"));
  board.report(report("second"));
  file.resolve(new TextEncoder().encode("it broke"));
  await new Promise(setImmediate);
  const posted = board.get("u");
  assert.equal(posted?.doing, "second");
  assert.equal(posted.status.containerStatuses?.[0]?.state?.terminated?.message, "it broke");
});
