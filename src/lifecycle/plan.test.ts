import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, instant, seconds } from "../base/units.ts";
import type { ImageState } from "../images/index.ts";
import { containerHash } from "../model/container-hash.ts";
import type { Container, Pod, PodSpec } from "../model/kubernetes.ts";
import { ANNOTATION_CONTAINER_HASH } from "../model/names.ts";
import type { PodSnapshot, SandboxStatus } from "../model/runtime.ts";
import type { PodIntent } from "./intent.ts";
import { type Plan, type PlanInput, planPod } from "./plan.ts";
import type { SeenContainer } from "./seen.ts";
import type { Hold, Step } from "./step.ts";

const web: Container = { name: "web", image: "i" };
const log: Container = { name: "log", image: "i" };
const setup: Container = { name: "setup", image: "i" };
const proxy: Container = { name: "proxy", image: "i", restartPolicy: "Always" };
const podOf = (spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: "p", namespace: "default", uid: "u" },
  spec: { containers: [web], restartPolicy: "Always", terminationGracePeriodSeconds: 7, ...spec },
});
const sandbox = (id: string, state: SandboxStatus["state"] = "ready", attempt = 0): SandboxStatus => ({
  id,
  metadata: { name: "p", namespace: "default", uid: "u", attempt },
  state,
  createdAt: attempt,
  labels: {},
  annotations: {},
  runtimeHandler: "",
  ips: ["10.0.0.1"],
  network: "pod",
});
const seenOf = (spec: Container, state: SeenContainer["state"], more: Partial<SeenContainer> = {}): SeenContainer => ({
  id: `${spec.name}-${more.attempt ?? 0}`,
  sandboxId: "s0",
  name: spec.name,
  attempt: 0,
  state,
  createdAt: more.attempt ?? 0,
  startedAt: 1,
  finishedAt: state === "exited" ? 2 : undefined,
  exitCode: 0,
  reason: "",
  message: "",
  image: "i",
  imageRef: "i",
  imageId: "i",
  labels: {},
  annotations: { [ANNOTATION_CONTAINER_HASH]: containerHash(spec) },
  mounts: [],
  logPath: "",
  user: undefined,
  resources: undefined,
  ...more,
});
const snapshot = (sandboxes: SandboxStatus[], ...containers: SeenContainer[]): PodSnapshot => ({
  uid: "u",
  name: "p",
  namespace: "default",
  sandboxes,
  containers,
});
const ready: ImageState = {
  kind: "ready",
  ref: "i",
  info: { id: "i", repoTags: [], repoDigests: [], size: 0, uid: undefined, username: "", pinned: false },
};
const failed = (retryAt: number): ImageState => ({
  kind: "failed",
  reason: "ErrImagePull",
  message: "no",
  retryAt: instant(retryAt),
});

/** Steps in short: "start web 1", "stop web,log". */
function short(step: Step): string {
  switch (step.kind) {
    case "start-container":
    case "fetch-image":
      return `${step.kind.split("-")[0]} ${step.container.name} ${step.attempt}`;
    case "run-sandbox":
      return `sandbox ${step.attempt}${step.replaces ? " again" : ""}`;
    case "stop-containers":
      return `stop ${step.stops.map(({ name, grace }) => `${name} ${grace}`).join()}`;
    case "stop-sandbox":
    case "remove-sandbox":
      return `${step.kind} ${step.id}`;
    case "remove-container":
      return `remove ${step.id}`;
    default:
      return step.kind;
  }
}

interface Case {
  readonly name: string;
  readonly pod?: Partial<PodSpec>;
  readonly stop?: true;
  readonly seen?: PodSnapshot;
  readonly images?: ImageState | { readonly [name: string]: ImageState | undefined };
  readonly hold?: Hold;
  readonly input?: Partial<PlanInput>;
  readonly steps: readonly string[];
  readonly ended?: boolean;
  readonly status?: Pod["status"];
  readonly keep?: boolean;
  readonly waiting?: { readonly [name: string]: string };
  readonly wakeAt?: number;
}
const s0 = sandbox("s0");
const never = { restartPolicy: "Never" };
const onFailure = { restartPolicy: "OnFailure" };
const cases: readonly Case[] = [
  {
    name: "asks for the image, prepares and makes the sandbox at once",
    images: {},
    input: { prepared: false },
    steps: ["fetch web 0", "prepare", "sandbox 0"],
  },
  { name: "starts a container whose image is there", seen: snapshot([s0]), steps: ["start web 0"] },
  { name: "counts on from old logs", seen: snapshot([s0]), input: { firstAttempt: () => 3 }, steps: ["start web 3"] },
  {
    name: "stops a pod that the node ends, within its grace, and starts nothing again",
    seen: snapshot([s0], seenOf(web, "running")),
    input: { ending: { reason: "Terminated", message: "m", grace: seconds(3) } },
    steps: ["stop web 3000", "stop-sandbox s0"],
    ended: true,
  },
  {
    name: "gives the rest of a pod that the node ended back",
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    input: {
      ending: { reason: "Terminated", message: "m", grace: seconds(3) },
      ended: true,
      stopped: new Set(["s0"]),
    },
    steps: ["release"],
    ended: true,
  },
  {
    name: "ends a pod that has not begun, without beginning it",
    images: {},
    input: { prepared: false, ending: { reason: "Terminated", message: "m", grace: seconds(3) } },
    steps: ["release"],
    ended: true,
  },
  { name: "rests while all runs", seen: snapshot([s0], seenOf(web, "running")), steps: [] },
  {
    name: "holds later containers while an image is pulled",
    pod: { containers: [web, log] },
    seen: snapshot([s0]),
    images: { web: { kind: "pulling", since: instant(0) }, log: ready },
    steps: [],
  },
  {
    name: "fetches later images meanwhile",
    pod: { containers: [web, log] },
    seen: snapshot([s0]),
    images: { web: { kind: "checking" } },
    steps: ["fetch log 0"],
  },
  {
    name: "goes on past an image that can't be pulled",
    pod: { containers: [web, log] },
    seen: snapshot([s0]),
    images: { web: failed(500), log: ready },
    steps: ["start log 0"],
    waiting: { web: "ErrImagePull" },
    wakeAt: 500,
  },
  {
    name: "asks again when the image's time has come",
    seen: snapshot([s0]),
    images: { web: failed(100) },
    steps: ["fetch web 0"],
    waiting: { web: "ErrImagePull" },
  },
  { name: "restarts what exited", seen: snapshot([s0], seenOf(web, "exited", { attempt: 4 })), steps: ["start web 5"] },
  {
    name: "waits out the back-off",
    seen: snapshot([s0], seenOf(web, "exited")),
    hold: { reason: "CrashLoopBackOff", message: "", until: instant(900) },
    steps: [],
    waiting: { web: "CrashLoopBackOff" },
    wakeAt: 900,
  },
  {
    name: "withdraws one that was only created before it starts another: a start whose answer was lost may be on its way",
    seen: snapshot([s0], seenOf(web, "created")),
    steps: ["stop web 7000", "remove web-0", "start web 1"],
  },
  {
    name: "keeps one that runs beside a newer one that was only created, which goes",
    seen: snapshot([s0], seenOf(web, "created", { attempt: 1 }), seenOf(web, "running")),
    steps: ["remove web-1"],
  },
  { name: "stops one in unknown state first", seen: snapshot([s0], seenOf(web, "unknown")), steps: ["stop web 7000"] },
  {
    name: "stops one whose image changed",
    pod: { containers: [{ ...web, image: "j" }] },
    seen: snapshot([s0], seenOf(web, "running")),
    steps: ["stop web 7000"],
  },
  {
    name: "starts it again though the policy says never",
    pod: { ...never, containers: [{ ...web, image: "j" }] },
    seen: snapshot([s0], seenOf(web, "exited")),
    input: { restarting: new Set(["web-0"]) },
    steps: ["start web 1"],
  },
  {
    name: "leaves a container alone that bears no hash",
    pod: { containers: [{ ...web, image: "j" }] },
    seen: snapshot([s0], seenOf(web, "running", { annotations: {} })),
    steps: [],
  },
  {
    name: "ends a pod that completed, with its sandbox",
    pod: never,
    seen: snapshot([s0], seenOf(web, "exited")),
    steps: ["stop-sandbox s0"],
    ended: true,
  },
  {
    name: "ends a pod that failed for good",
    pod: never,
    seen: snapshot([s0], seenOf(web, "exited", { exitCode: 1 })),
    steps: ["stop-sandbox s0"],
    ended: true,
  },
  {
    name: "retries a failure under OnFailure",
    pod: onFailure,
    seen: snapshot([s0], seenOf(web, "exited", { exitCode: 1 })),
    steps: ["start web 1"],
  },
  {
    name: "stays ended when nothing is left of it",
    pod: never,
    input: { ended: true, released: true },
    steps: [],
    ended: true,
  },
  {
    name: "starts nothing of a pod that the API server says has ended",
    status: { phase: "Succeeded" },
    steps: ["release"],
    ended: true,
  },
  {
    name: "stops what still runs of a pod that the API server says has ended",
    status: { phase: "Failed" },
    seen: snapshot([s0], seenOf(web, "running")),
    steps: ["stop web 7000", "stop-sandbox s0"],
    ended: true,
  },
  {
    name: "makes no new sandbox for an ended pod",
    pod: never,
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    steps: ["release"],
    ended: true,
  },
  {
    name: "gives the network back of a sandbox that died by itself, before it is replaced",
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    input: { stopped: new Set() },
    steps: ["stop-sandbox s0"],
  },
  {
    name: "replaces a sandbox that broke",
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    steps: ["sandbox 1 again"],
  },
  {
    name: "ends a pod whose init container fails for good in a new sandbox, though it got further in the one before",
    pod: { initContainers: [{ ...setup, restartPolicy: "Never" }], containers: [web, log] },
    seen: snapshot(
      [sandbox("s1", "ready", 1), sandbox("s0", "not-ready")],
      seenOf(setup, "exited", { sandboxId: "s1", exitCode: 1 }),
      seenOf(web, "exited"),
    ),
    steps: ["stop-sandbox s1"],
    ended: true,
  },
  {
    name: "stops what still runs in a broken sandbox first",
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "running")),
    steps: ["stop web 7000"],
  },
  {
    name: "stops all sandboxes when two are ready",
    seen: snapshot([sandbox("s1", "ready", 1), s0]),
    steps: ["stop-sandbox s1", "stop-sandbox s0"],
  },
  {
    name: "forgets init containers of the old sandbox",
    pod: { initContainers: [setup] },
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(setup, "exited")),
    steps: ["remove setup-0", "sandbox 1 again"],
  },
  {
    name: "runs init containers one by one",
    pod: { initContainers: [setup, log] },
    seen: snapshot([s0]),
    steps: ["start setup 0"],
  },
  {
    name: "waits for a running init container",
    pod: { initContainers: [setup] },
    seen: snapshot([s0], seenOf(setup, "running")),
    steps: [],
  },
  {
    name: "goes on after an init container",
    pod: { initContainers: [setup, log] },
    seen: snapshot([s0], seenOf(setup, "exited")),
    steps: ["start log 0"],
  },
  {
    name: "retries a failed init container",
    pod: { initContainers: [setup] },
    seen: snapshot([s0], seenOf(setup, "exited", { exitCode: 2 })),
    steps: ["start setup 1"],
  },
  {
    name: "ends a pod whose init container failed for good",
    pod: { ...never, initContainers: [setup] },
    seen: snapshot([s0], seenOf(setup, "exited", { exitCode: 2 })),
    steps: ["stop-sandbox s0"],
    ended: true,
  },
  {
    name: "takes an init container killed for memory as failed",
    pod: { ...never, initContainers: [setup] },
    seen: snapshot([s0], seenOf(setup, "exited", { reason: "OOMKilled" })),
    steps: ["stop-sandbox s0"],
    ended: true,
  },
  {
    name: "starts regular containers when init is done",
    pod: { initContainers: [setup] },
    seen: snapshot([s0], seenOf(setup, "exited")),
    steps: ["start web 0"],
  },
  {
    name: "does not run init again for a regular container that exists",
    pod: { initContainers: [setup] },
    seen: snapshot([s0], seenOf(web, "running")),
    steps: [],
  },
  {
    name: "goes on past a running sidecar",
    pod: { initContainers: [proxy, setup] },
    seen: snapshot([s0], seenOf(proxy, "running")),
    steps: ["start setup 0"],
  },
  {
    name: "restarts a sidecar beside regular containers",
    pod: { initContainers: [proxy] },
    seen: snapshot([s0], seenOf(web, "running"), seenOf(proxy, "exited")),
    steps: ["start proxy 1"],
  },
  {
    name: "restarts a sidecar while a later init container runs",
    pod: { initContainers: [proxy, setup] },
    seen: snapshot([s0], seenOf(setup, "running"), seenOf(proxy, "exited")),
    steps: ["start proxy 1"],
  },
  {
    name: "stops sidecars of a pod that completed",
    pod: { ...never, initContainers: [proxy] },
    seen: snapshot([s0], seenOf(web, "exited"), seenOf(proxy, "running")),
    steps: ["stop proxy 7000", "stop-sandbox s0"],
    ended: true,
  },
  {
    name: "keeps only the newest dead container",
    seen: snapshot(
      [s0],
      seenOf(web, "running", { attempt: 2 }),
      seenOf(web, "exited", { attempt: 1 }),
      seenOf(web, "exited"),
    ),
    steps: ["remove web-0"],
  },
  {
    name: "keeps the record of the last run beside a container that was created and not started",
    seen: snapshot(
      [s0],
      seenOf(web, "created", { attempt: 2 }),
      seenOf(web, "exited", { attempt: 1 }),
      seenOf(web, "exited"),
    ),
    images: {},
    steps: ["fetch web 3", "remove web-0"],
  },
  {
    name: "removes all but the newest sandbox that did not come up before it tries again",
    seen: snapshot([sandbox("s2", "not-ready", 2), sandbox("s1", "not-ready", 1), sandbox("s0", "not-ready")]),
    input: { stopped: new Set(["s2", "s1", "s0"]) },
    steps: ["remove-sandbox s1", "remove-sandbox s0", "sandbox 3 again"],
  },
  {
    name: "removes an empty old sandbox",
    seen: snapshot(
      [sandbox("s1", "ready", 1), sandbox("s0", "not-ready")],
      seenOf(web, "running", { sandboxId: "s1" }),
    ),
    steps: ["remove-sandbox s0"],
  },
  {
    name: "prepares again after a restart of the kubelet",
    seen: snapshot([s0], seenOf(web, "running")),
    input: { prepared: false },
    steps: ["prepare"],
  },
  {
    name: "stops a deleted pod's containers, then its sandbox",
    stop: true,
    seen: snapshot([s0], seenOf(web, "running")),
    steps: ["stop web 3000", "stop-sandbox s0"],
  },
  {
    name: "stops the sandbox of what can't be stopped, though it was stopped before, and the others first",
    stop: true,
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "running"), seenOf(log, "running")),
    input: { unstoppable: new Set(["web-0"]) },
    steps: ["stop log 3000", "stop-sandbox s0"],
  },
  {
    name: "goes on asking for what can't be stopped where its sandbox is gone",
    stop: true,
    seen: snapshot([], seenOf(web, "running")),
    input: { unstoppable: new Set(["web-0"]) },
    steps: ["stop web 3000"],
  },
  {
    name: "cleans up when all has stopped",
    stop: true,
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    steps: ["finish"],
    ended: true,
  },
  { name: "cleans up a pod of which the runtime knows nothing", stop: true, steps: ["finish"], ended: true },
  {
    name: "gives back what a pod held that the API server still has, and leaves what tells of it",
    stop: true,
    keep: true,
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    steps: ["release"],
    ended: true,
  },
  {
    name: "waits for the API server to let a pod go that holds nothing",
    stop: true,
    keep: true,
    seen: snapshot([sandbox("s0", "not-ready")], seenOf(web, "exited")),
    input: { released: true },
    steps: [],
    ended: true,
  },
];

function planOf({ pod, status, stop, keep, seen, images = ready, hold, input }: Case): Plan {
  const whole = { ...podOf(pod), ...(status ? { status } : {}) };
  const intent: PodIntent = stop
    ? { goal: "stop", uid: "u", pod: whole, grace: seconds(3), keep }
    : { goal: "run", uid: "u", pod: whole };
  return planPod({
    intent,
    seen,
    now: instant(100) as Instant,
    ended: false,
    restarting: new Set(),
    stopped: new Set(["s0"]),
    released: false,
    prepared: true,
    image: ({ name }) => ("kind" in images ? (images as ImageState) : images[name]),
    hold: () => hold,
    firstAttempt: () => 0,
    ...input,
  });
}

for (const one of cases) {
  test(`planPod() ${one.name}`, () => {
    const plan = planOf(one);
    assert.deepEqual(plan.steps.map(short), one.steps);
    assert.equal(plan.ended, one.ended ?? false);
    assert.deepEqual(
      Object.fromEntries([...plan.waiting].map(([name, { reason }]) => [name, reason])),
      one.waiting ?? {},
    );
    assert.equal(plan.wakeAt, one.wakeAt);
  });
}

test("planPod() lets a sidecar outlive those it serves", () => {
  const one: Case = {
    name: "",
    stop: true,
    pod: { initContainers: [proxy, { ...proxy, name: "mesh" }] },
    seen: snapshot(
      [s0],
      seenOf(web, "running"),
      seenOf(proxy, "running"),
      seenOf({ ...proxy, name: "mesh" }, "running"),
    ),
    steps: [],
  };
  const [step] = planOf(one).steps;
  assert.deepEqual(
    step?.kind === "stop-containers" && Object.fromEntries(step.stops.map(({ name, after }) => [name, after])),
    { web: [], proxy: ["web", "mesh"], mesh: ["web"] },
  );
});

test("planPod() tells why the node ends a pod, unless it had ended before", () => {
  const ending = { reason: "Terminated", message: "m", grace: seconds(3), disruption: "m" };
  const imposed = (one: Omit<Case, "name" | "steps">) => planOf({ name: "", steps: [], ...one }).imposed;
  const running = snapshot([s0], seenOf(web, "running"));
  assert.equal(imposed({ seen: running, input: { ending } }), ending);
  assert.equal(imposed({ seen: running, stop: true, input: { ending } }), ending);
  assert.equal(imposed({ seen: snapshot([s0]), stop: true, input: { ending } }), undefined);
  const done = snapshot([s0], seenOf(web, "exited"));
  assert.equal(imposed({ seen: done, pod: never, input: { ending } }), undefined);
});
