import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, ContainerStatus, Pod } from "../model/kubernetes.ts";
import { endedStatuses, keptEnds } from "./final.ts";

const status = (
  name: string,
  state: ContainerStatus["state"],
  more: Partial<ContainerStatus> = {},
): ContainerStatus => ({
  name,
  image: "i",
  imageID: "",
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const podOf = (init: readonly Container[] = []): Pod => ({
  spec: { initContainers: init, containers: [{ name: "c" }] },
});
const waits = { waiting: { reason: "PodInitializing" } };
const done = { terminated: { exitCode: 0 } };
const failed = { terminated: { exitCode: 1 } };
const runs = { running: {} };

const cases: readonly {
  readonly name: string;
  readonly pod: Pod;
  readonly init?: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
  readonly ends: readonly (number | undefined)[];
}[] = [
  { name: "keeps what is known of an end", pod: podOf(), regular: [status("c", failed)], ends: [1] },
  { name: "takes a container that nobody saw end for killed", pod: podOf(), regular: [status("c", runs)], ends: [137] },
  {
    name: "also one that never began, where nothing went before it",
    pod: podOf(),
    regular: [status("c", waits)],
    ends: [137],
  },
  {
    name: "leaves a container that waited for its init containers",
    pod: podOf([{ name: "a" }, { name: "b" }]),
    init: [status("a", failed), status("b", waits)],
    regular: [status("c", waits)],
    ends: [1, undefined, undefined],
  },
  {
    name: "ends the first init container though it never began",
    pod: podOf([{ name: "a" }, { name: "b" }]),
    init: [status("a", waits), status("b", waits)],
    regular: [status("c", waits)],
    ends: [137, undefined, undefined],
  },
  {
    name: "ends every container once the last init container is done",
    pod: podOf([{ name: "a" }]),
    init: [status("a", done)],
    regular: [status("c", waits)],
    ends: [0, 137],
  },
  {
    name: "knows that a pod was initialised by a container that ran before",
    pod: podOf([{ name: "a" }]),
    init: [status("a", waits)],
    regular: [status("c", waits, { lastState: failed })],
    ends: [137, 137],
  },
  {
    name: "takes a started sidecar for the end of the beginning",
    pod: podOf([{ name: "a", restartPolicy: "Always" }]),
    init: [status("a", runs, { started: true })],
    regular: [status("c", waits)],
    ends: [137, 137],
  },
];
for (const { name, pod, init = [], regular, ends } of cases) {
  test(`endedStatuses() ${name}`, () => {
    const ended = endedStatuses(pod, { initContainerStatuses: init, containerStatuses: regular });
    const all = [...(ended.initContainerStatuses ?? []), ...(ended.containerStatuses ?? [])];
    assert.deepEqual(
      all.map(({ state }) => state?.terminated?.exitCode),
      ends,
    );
  });
}

test("of a pod that was told to have ended no end is taken back, and what is seen of an end counts", () => {
  const before = { containerStatuses: [status("c", failed), status("d", failed)] };
  const now = { containerStatuses: [status("c", waits), status("d", done), status("e", waits)] };
  assert.deepEqual(
    keptEnds(now, before).containerStatuses?.map(({ state }) => state),
    [failed, done, waits],
  );
});
