import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStatus, Pod, PodStatus } from "../model/kubernetes.ts";
import { summarize } from "./pod-summary.ts";
import { waitsOf } from "./waits.ts";

const now = new Date("2026-01-01T00:10:00Z");
const one = (name: string, over: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  image: "img",
  imageID: "",
  ready: false,
  restartCount: 0,
  ...over,
});
const up = { ready: true, started: true, state: { running: { startedAt: "2026-01-01T00:00:00Z" } } };
const done = { state: { terminated: { exitCode: 0, reason: "Completed" } } };
const waiting = (reason: string, message?: string) => ({ state: { waiting: { reason, message } } });
const crashed = {
  ...waiting("CrashLoopBackOff", "back-off 20s restarting failed container"),
  restartCount: 3,
  lastState: { terminated: { exitCode: 7, reason: "Error", finishedAt: "2026-01-01T00:09:50Z" } },
};
interface Over {
  readonly init?: readonly ContainerStatus[];
  readonly main?: readonly ContainerStatus[];
  readonly status?: Partial<PodStatus>;
  readonly sidecar?: boolean;
  readonly deleted?: boolean;
}
const podOf = ({ init = [], main = [], status, sidecar, deleted }: Over): Pod => ({
  metadata: { name: "web", ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) },
  spec: {
    containers: main.map(({ name }) => ({ name, image: "img" })),
    initContainers: init.map(({ name }) => ({ name, image: "img", ...(sidecar ? { restartPolicy: "Always" } : {}) })),
  },
  status: { phase: "Running", containerStatuses: main, initContainerStatuses: init, ...status },
});

const cases: readonly { name: string; pod: Over; line: string; waits: RegExp | undefined }[] = [
  { name: "a running pod", pod: { main: [one("a", up)] }, line: "1/1 Running 0", waits: undefined },
  {
    name: "an unready one",
    pod: { main: [one("a", { ...up, ready: false })] },
    line: "0/1 Running 0",
    waits: /"a" is running and not ready: its readiness probe has not succeeded/,
  },
  {
    name: "a crash loop",
    pod: { main: [one("a", up), one("b", crashed)] },
    line: "1/2 CrashLoopBackOff 3",
    waits: /"b" ended \(10s ago, exit code 7, Error\).*3 times.*back-off 20s/,
  },
  {
    name: "a pull that fails",
    pod: { main: [one("a", waiting("ErrImagePull", "no such host"))], status: { phase: "Pending" } },
    line: "0/1 ErrImagePull 0",
    waits: /image "img", which could not be pulled: no such host/,
  },
  {
    name: "a new pod",
    pod: { main: [one("a", waiting("ContainerCreating"))], status: { phase: "Pending" } },
    line: "0/1 ContainerCreating 0",
    waits: /about to be created/,
  },
  {
    name: "an init container at work",
    pod: { init: [one("i", up)], main: [one("a", waiting("PodInitializing"))], status: { phase: "Pending" } },
    line: "0/1 Init:0/1 0",
    waits: /Init container "i" is running and must end first/,
  },
  {
    name: "an init container that fails",
    pod: {
      init: [one("i", { ...crashed, restartCount: 2 })],
      main: [one("a", waiting("PodInitializing"))],
      status: { phase: "Pending" },
    },
    line: "0/1 Init:CrashLoopBackOff 2",
    waits: /"i" ended/,
  },
  {
    name: "finished init containers",
    pod: { init: [one("i", done)], main: [one("a", up)] },
    line: "1/1 Running 0",
    waits: undefined,
  },
  {
    name: "a sidecar",
    pod: { sidecar: true, init: [one("s", up)], main: [one("a", up)] },
    line: "2/2 Running 0",
    waits: undefined,
  },
  {
    name: "a pod that is through",
    pod: { main: [one("a", done)], status: { phase: "Succeeded" } },
    line: "0/1 Completed 0",
    waits: undefined,
  },
  {
    name: "one through, one running",
    pod: { main: [one("a", done), one("b", up)] },
    line: "1/2 NotReady 0",
    waits: undefined,
  },
  {
    name: "an evicted pod",
    pod: { status: { phase: "Failed", reason: "Evicted", message: "The node was low on memory" } },
    line: "0/0 Evicted 0",
    waits: /It is over \(Failed, Evicted\): The node was low/,
  },
  {
    name: "a pod on its way out",
    pod: { main: [one("a", up)], deleted: true },
    line: "1/1 Terminating 0",
    waits: /being stopped/,
  },
];
for (const { name, pod, line, waits } of cases) {
  test(`summarize() and waitsOf() tell ${name}`, () => {
    const { ready, status, restarts } = summarize(podOf(pod));
    assert.equal(`${ready} ${status} ${restarts}`, line);
    const texts = waitsOf(podOf(pod), now);
    if (waits === undefined) assert.deepEqual(texts, []);
    else assert.match(texts.join("\n"), waits);
  });
}
