import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import { type BoardDeps, type PodReport, type Posted, StatusBoard } from "./board.ts";

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

function boardOf(more: Partial<BoardDeps> = {}) {
  const clock: Clock = { monotonic: () => assert.fail(), wall: () => new Date(5000), sleep: () => assert.fail() };
  const shown: Posted[] = [];
  const board = new StatusBoard({
    clock,
    files: { readTail: async () => undefined },
    rootDir: "/root",
    podLogsDir: "/logs",
    nodeIps: () => [],
    runtimeName: () => "containerd",
    logTail: () => "",
    onPost: (posted) => shown.push(posted),
    ...more,
  });
  return { board, shown };
}

test("report() tells an end with its last words and not before, with the newest report", async () => {
  const file = Promise.withResolvers<Uint8Array>();
  const { board, shown } = boardOf({ files: { readTail: () => file.promise } });
  const running = report("runs");
  const seen = running.seen && { ...running.seen, containers: [{ ...CONTAINER, state: "running" as const }] };
  board.report({ ...running, seen });
  board.report(report("first"));
  board.report(report("second"));
  board.refresh("u");
  assert.deepEqual(
    shown.map(({ doing }) => doing),
    ["runs"],
  );
  file.resolve(new TextEncoder().encode("it broke"));
  await new Promise(setImmediate);
  assert.deepEqual(
    shown.map(({ doing }) => doing),
    ["runs", "second"],
  );
  assert.equal(shown[1]?.status.containerStatuses?.[0]?.state?.terminated?.message, "it broke");
  board.report(report("third"));
  assert.equal(board.get("u")?.doing, "third");
});

test("report() tells the end of a container that is gone before its last words are read", async () => {
  const { board, shown } = boardOf({ files: { readTail: () => new Promise(() => {}) } });
  board.report(report("ended"));
  board.report({ ...report("removed"), seen: undefined });
  assert.deepEqual(
    shown.map(({ doing, status }) => [doing, status.containerStatuses?.[0]?.state?.terminated?.exitCode]),
    [
      ["ended", 1],
      ["removed", 1],
    ],
  );
});

const SANDBOX: PodSnapshot["sandboxes"][number] = {
  id: "s0",
  metadata: { uid: "u", name: "p", namespace: "default", attempt: 0 },
  state: "ready",
  createdAt: 1,
  labels: {},
  annotations: {},
  runtimeHandler: "",
  ips: [],
  network: "pod",
};
const seenAs = (...states: (typeof CONTAINER)["state"][]): PodSnapshot => ({
  uid: "u",
  name: "p",
  namespace: "default",
  sandboxes: [],
  containers: states.map((state, place) => ({ ...CONTAINER, id: `${place}`, state })),
});

test("report() tells with each status whether something of the pod can still run", async () => {
  const { board, shown } = boardOf();
  board.report({ ...report("x"), seen: seenAs("running", "exited") });
  await new Promise(setImmediate);
  board.report({ ...report("x"), seen: seenAs("unknown") });
  board.report({ ...report("x"), seen: seenAs("exited") });
  await new Promise(setImmediate);
  board.report({ ...report("x"), seen: undefined, released: true });
  assert.deepEqual(
    shown.map(({ quiet, released }) => [quiet, released]),
    [
      [false, false],
      [false, false],
      [true, false],
      [true, true],
    ],
  );
});

test("report() does not call a pod quiet while its sandbox has addresses and ports", async () => {
  const { board, shown } = boardOf();
  const sandboxAs = (state: "ready" | "not-ready") => ({ ...seenAs("exited"), sandboxes: [{ ...SANDBOX, state }] });
  board.report({ ...report("x"), seen: sandboxAs("ready") });
  await new Promise(setImmediate);
  board.report({ ...report("x"), seen: sandboxAs("not-ready") });
  assert.deepEqual(
    shown.map(({ quiet }) => quiet),
    [false, true],
  );
});

test("report() gives a pod its last form when it is released: what nobody saw end has failed", () => {
  const { board } = boardOf();
  board.report({ ...report("x"), seen: undefined, goal: "stop", ended: true });
  assert.equal(board.get("u")?.status.phase, "Pending");
  board.report({ ...report("x"), seen: undefined, goal: "stop", ended: true, released: true });
  const { phase, containerStatuses } = board.get("u")?.status ?? {};
  assert.equal(phase, "Failed");
  assert.equal(containerStatuses?.[0]?.state?.terminated?.reason, "ContainerStatusUnknown");
});

test("report() goes on from what the API server shows, and leaves an end alone of which nothing is left here", () => {
  const { board } = boardOf();
  const status = {
    phase: "Running",
    startTime: "2020-01-01T00:00:00Z",
    containerStatuses: [
      {
        name: "c",
        image: "i",
        imageID: "i",
        ready: true,
        restartCount: 4,
        state: { running: { startedAt: "2020-01-01T00:00:01Z" } },
      },
    ],
  };
  board.report({ ...report("x"), pod: { ...POD, status }, seen: undefined });
  assert.equal(board.get("u")?.status.startTime, status.startTime);
  assert.equal(board.get("u")?.status.containerStatuses?.[0]?.restartCount, 5);
  const ended = { ...status, phase: "Succeeded", message: "done" };
  const other = { ...POD, metadata: { ...POD.metadata, uid: "v" }, status: ended };
  board.report({ ...report("x"), uid: "v", pod: other, seen: undefined, ended: true, released: true });
  assert.equal(board.get("v")?.status, ended);
});

test("report() takes of a static pod only what its mirror pod can tell", () => {
  const annotations = { "kubernetes.io/config.source": "file" };
  const { board } = boardOf({ lastStatus: () => ({ startTime: "2020-01-01T00:00:00Z" }) });
  const pod: Pod = { ...POD, metadata: { ...POD.metadata, annotations }, status: { phase: "Pending" } };
  board.report({ ...report("x"), pod, seen: undefined });
  assert.deepEqual(
    [board.get("u")?.status.startTime, board.get("u")?.status.phase],
    ["2020-01-01T00:00:00Z", "Pending"],
  );
});
