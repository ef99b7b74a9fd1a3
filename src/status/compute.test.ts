import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus } from "../model/kubernetes.ts";
import { isTerminalPhase } from "../model/pod.ts";
import type { SandboxStatus } from "../model/runtime.ts";
import { computePodStatus, type StatusInput } from "./compute.ts";
import type { SeenContainer } from "./seen.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const LATER = new Date("2026-01-02T04:00:00Z");
const NOW_TEXT = "2026-01-02T03:04:05Z";
const T0 = Date.parse("2026-01-01T00:00:00.900Z");

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: `img/${name}`, ...more });
const sidecar = (name: string) => container(name, { restartPolicy: "Always" });
function podOf(spec: Partial<PodSpec> = {}, meta: Pod["metadata"] = {}): Pod {
  return {
    metadata: { name: "web", namespace: "shop", uid: "u1", ...meta },
    spec: { containers: [container("main")], restartPolicy: "Always", ...spec },
  };
}

const sandbox: SandboxStatus = {
  id: "sb0",
  metadata: { name: "web", namespace: "shop", uid: "u1", attempt: 0 },
  state: "ready",
  createdAt: T0,
  labels: {},
  annotations: {},
  runtimeHandler: "",
  ips: ["10.0.0.5"],
  network: "pod",
};

function instance(name: string, more: Partial<SeenContainer> = {}): SeenContainer {
  const attempt = more.attempt ?? 0;
  const state = more.state ?? "running";
  return {
    id: `${name}-${attempt}`,
    name,
    sandboxId: "sb0",
    attempt,
    state,
    createdAt: T0 + attempt,
    startedAt: T0,
    finishedAt: state === "exited" ? T0 + 5000 : undefined,
    exitCode: 0,
    reason: state === "exited" ? (more.exitCode ? "Error" : "Completed") : "",
    message: "",
    image: `img/${name}`,
    imageRef: `img/${name}@sha256:1`,
    imageId: "sha256:1",
    labels: {},
    annotations: { "io.kubernetes.container.restartCount": String(attempt) },
    mounts: [],
    logPath: "",
    user: undefined,
    resources: undefined,
    ...more,
  };
}

interface Given extends Partial<Omit<StatusInput, "seen">> {
  readonly containers?: readonly SeenContainer[];
  readonly sandboxes?: readonly SandboxStatus[];
}
function inputOf({ containers = [], sandboxes = [sandbox], ...more }: Given): StatusInput {
  return {
    pod: podOf(),
    seen: { uid: "u1", name: "web", namespace: "shop", sandboxes, containers },
    previous: undefined,
    startFailures: new Map(),
    terminal: false,
    terminationMessages: new Map(),
    hostIps: ["192.168.0.1"],
    runtimeName: "containerd",
    now: NOW,
    ...more,
  };
}
const compute = (given: Given): PodStatus => computePodStatus(inputOf(given));
const stateOf = (status: PodStatus, name = "main"): ContainerStatus => {
  const found = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].find(
    (one) => one.name === name,
  );
  assert.ok(found);
  return found;
};
const conditionOf = (status: PodStatus, type: string) => {
  const { status: value, reason, message } = status.conditions?.find((condition) => condition.type === type) ?? {};
  return [value, reason, message];
};
const exited = (name: string, exitCode: number, attempt = 0, more: Partial<SeenContainer> = {}) =>
  instance(name, { state: "exited", exitCode, attempt, ...more });

test("computePodStatus() counts a container that is lost once, however often it is looked at", () => {
  const containers = [instance("main", { state: "unknown", attempt: 4 })];
  let previous = compute({ containers: [instance("main", { attempt: 4 })] });
  for (let look = 0; look < 3; look++) {
    previous = compute({ containers, previous });
    assert.equal(stateOf(previous).restartCount, 5);
    assert.equal(stateOf(previous).state?.terminated?.reason, "ContainerStatusUnknown");
  }
});

test("computePodStatus() of a running pod, whole", () => {
  const status = compute({
    pod: podOf({}, { generation: 3 }),
    containers: [instance("main", { user: { uid: 1, gid: 2, supplementalGroups: [2] } })],
  });
  const condition = { observedGeneration: 3, lastTransitionTime: NOW_TEXT, status: "True" };
  assert.deepEqual(status, {
    observedGeneration: 3,
    phase: "Running",
    conditions: ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map(
      (type) => ({ ...condition, type }),
    ),
    hostIP: "192.168.0.1",
    hostIPs: [{ ip: "192.168.0.1" }],
    podIP: "10.0.0.5",
    podIPs: [{ ip: "10.0.0.5" }],
    // That of the sandbox: a kubelet that started later did not see the pod begin.
    startTime: "2026-01-01T00:00:00Z",
    containerStatuses: [
      {
        name: "main",
        state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
        ready: true,
        started: true,
        restartCount: 0,
        image: "img/main",
        imageID: "img/main@sha256:1",
        containerID: "containerd://main-0",
        resources: {},
        user: { linux: { uid: 1, gid: 2, supplementalGroups: [2] } },
      },
    ],
    qosClass: "BestEffort",
  });
});

const WAITING = { waiting: { reason: "ContainerCreating" } };
const crash = new Map([["main", { reason: "CrashLoopBackOff", message: "back-off 10s" }]]);
const ended = (exitCode: number, attempt: number, more = {}) => ({
  terminated: {
    exitCode,
    reason: exitCode ? "Error" : "Completed",
    startedAt: "2026-01-01T00:00:00Z",
    finishedAt: "2026-01-01T00:00:05Z",
    containerID: `containerd://main-${attempt}`,
    ...more,
  },
});
const statusOf = (more: Partial<ContainerStatus>): PodStatus => ({
  containerStatuses: [{ name: "main", image: "img/main", imageID: "", ready: false, restartCount: 0, ...more }],
});

const states: readonly [
  name: string,
  given: Given,
  state: ContainerState,
  last: ContainerState | undefined,
  count: number,
][] = [
  ["nothing yet", { sandboxes: [] }, WAITING, undefined, 0],
  ["created only", { containers: [instance("main", { state: "created" })] }, { waiting: {} }, undefined, 0],
  ["ended", { containers: [exited("main", 3)] }, ended(3, 0), undefined, 0],
  [
    "the two newest of three",
    { containers: [instance("main", { attempt: 2 }), exited("main", 2, 1), exited("main", 1, 0)] },
    { running: { startedAt: "2026-01-01T00:00:00Z" } },
    ended(2, 1),
    2,
  ],
  [
    "crash back-off",
    { containers: [exited("main", 1, 1), exited("main", 2, 0)], startFailures: crash },
    { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } },
    ended(1, 1),
    1,
  ],
  [
    "a failure that a running container outlived",
    { containers: [instance("main")], startFailures: crash },
    { running: { startedAt: "2026-01-01T00:00:00Z" } },
    undefined,
    0,
  ],
  [
    "a failure of one that never starts again",
    { pod: podOf({ restartPolicy: "Never" }), containers: [exited("main", 1)], startFailures: crash },
    ended(1, 0),
    undefined,
    0,
  ],
  [
    "a failed first start",
    { startFailures: new Map([["main", { reason: "ErrImagePull", message: "no" }]]) },
    { waiting: { reason: "ErrImagePull", message: "no" } },
    undefined,
    0,
  ],
  [
    "unknown after running",
    {
      containers: [instance("main", { state: "unknown" })],
      previous: statusOf({ state: { running: {} }, restartCount: 4 }),
    },
    {
      terminated: {
        exitCode: 137,
        reason: "ContainerStatusUnknown",
        message: "The container could not be located when the pod was terminated",
      },
    },
    undefined,
    5,
  ],
  [
    "unknown and never running",
    { containers: [instance("main", { state: "unknown" })] },
    { waiting: {} },
    undefined,
    0,
  ],
  [
    "vanished after running",
    { previous: statusOf({ state: { running: {} }, restartCount: 1 }) },
    WAITING,
    {
      terminated: {
        exitCode: 137,
        reason: "ContainerStatusUnknown",
        message: "The container could not be located when the pod was deleted.  The container used to be Running",
      },
    },
    2,
  ],
  [
    "vanished after its end",
    { previous: statusOf({ state: ended(1, 0), restartCount: 1 }) },
    ended(1, 0),
    undefined,
    1,
  ],
  [
    "a removed last instance, told by the last status",
    {
      containers: [instance("main", { attempt: 1 })],
      previous: statusOf({ state: ended(1, 0), containerID: "containerd://main-0" }),
    },
    { running: { startedAt: "2026-01-01T00:00:00Z" } },
    ended(1, 0),
    1,
  ],
  [
    "a restart count that never goes down",
    { containers: [instance("main")], previous: statusOf({ restartCount: 7 }) },
    { running: { startedAt: "2026-01-01T00:00:00Z" } },
    undefined,
    7,
  ],
  [
    "last words after the runtime's",
    { containers: [exited("main", 1, 0, { message: "oops" })], terminationMessages: new Map([["main-0", "bye"]]) },
    ended(1, 0, { message: "oops: bye" }),
    undefined,
    0,
  ],
  [
    "last words told before",
    {
      containers: [exited("main", 1)],
      previous: statusOf({ containerID: "containerd://main-0", state: ended(1, 0, { message: "bye" }) }),
    },
    ended(1, 0, { message: "bye" }),
    undefined,
    0,
  ],
];
for (const [name, given, state, last, count] of states) {
  test(`computePodStatus() shows a container: ${name}`, () => {
    const { state: shown, lastState, restartCount, ready } = stateOf(compute(given));
    assert.deepEqual([shown, lastState, restartCount], [state, last, count]);
    assert.equal(ready, shown?.running !== undefined);
  });
}

test("computePodStatus() does not show one end twice when a back-off is over", () => {
  const containers = [exited("main", 1)];
  const previous = compute({ containers, startFailures: crash });
  assert.deepEqual(stateOf(previous).lastState, ended(1, 0));
  const { state, lastState } = stateOf(compute({ containers, previous }));
  assert.deepEqual([state, lastState], [ended(1, 0), undefined]);
});

test("computePodStatus() waits for init containers by another name", () => {
  const pod = podOf({ initContainers: [container("i")] });
  assert.deepEqual(stateOf(compute({ pod })).state, { waiting: { reason: "PodInitializing" } });
});

test("computePodStatus() takes a removed init container of a pod that runs as completed", () => {
  const pod = podOf({ initContainers: [container("i"), sidecar("s")] });
  const status = compute({ pod, containers: [instance("main")] });
  const { terminated } = stateOf(status, "i").state ?? {};
  assert.deepEqual([terminated?.reason, terminated?.exitCode, stateOf(status, "i").ready], ["Completed", 0, true]);
  assert.ok(stateOf(status, "s").state?.waiting);
});

test("computePodStatus() sorts regular containers by name and init containers as the spec does", () => {
  const pod = podOf({ containers: [container("b"), container("a")], initContainers: [container("z"), container("y")] });
  const status = compute({ pod });
  assert.deepEqual(
    status.containerStatuses?.map(({ name }) => name),
    ["a", "b"],
  );
  assert.deepEqual(
    status.initContainerStatuses?.map(({ name }) => name),
    ["z", "y"],
  );
});

test("computePodStatus() takes readiness verdicts where there are some", () => {
  const status = compute({
    containers: [instance("main")],
    probes: { isReady: (_, id) => id !== "main-0", hasStarted: () => true },
  });
  assert.equal(stateOf(status).ready, false);
  assert.deepEqual(conditionOf(status, "Ready"), [
    "False",
    "ContainersNotReady",
    "containers with unready status: [main]",
  ]);
});

test("computePodStatus() shows resources in force", () => {
  const resources = { limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "1m", memory: "32Mi" } };
  const pod = podOf({ containers: [container("main", { resources })] });
  const actual = { cpuQuota: 25_000, cpuPeriod: 100_000, memoryLimitBytes: 128 * 1024 * 1024, cpuShares: 2 };
  const running = stateOf(compute({ pod, containers: [instance("main", { resources: actual })] }));
  assert.deepEqual(running.resources, {
    limits: { cpu: "250m", memory: "128Mi" },
    requests: { cpu: "1m", memory: "32Mi" },
  });
  assert.deepEqual(running.allocatedResources, resources.requests);
  assert.deepEqual(stateOf(compute({ pod, containers: [exited("main", 0)] })).resources, resources);
  const previous = compute({ pod, containers: [instance("main", { resources: actual })] });
  const silent = stateOf(compute({ pod, previous, containers: [instance("main")] }));
  assert.deepEqual(
    silent.resources?.limits,
    { cpu: "250m", memory: "128Mi" },
    "what was said of the same instance stays",
  );
});

const init = (more: Partial<PodSpec>) => podOf({ initContainers: [container("i")], ...more });
const side = (more: Partial<PodSpec> = {}) => podOf({ initContainers: [sidecar("s")], ...more });
const two = (restartPolicy: string) => podOf({ restartPolicy, containers: [container("main"), container("b")] });
const FAILED = { reason: "X", message: "" };
const phases: readonly [name: string, given: Given, phase: string][] = [
  ["nothing", { sandboxes: [] }, "Pending"],
  ["all running", { containers: [instance("main")] }, "Running"],
  ["one waits for its first start", { pod: two("Always"), containers: [instance("main")] }, "Pending"],
  ["one runs, one ended", { pod: two("Never"), containers: [instance("main"), exited("b", 1)] }, "Running"],
  [
    "one runs, one in crash back-off",
    { pod: two("Always"), containers: [instance("main"), exited("b", 1)], startFailures: new Map([["b", FAILED]]) },
    "Running",
  ],
  ["crash back-off", { containers: [exited("main", 1)], startFailures: crash }, "Running"],
  ["ended well with Always", { containers: [exited("main", 0)] }, "Running"],
  [
    "ended well with OnFailure",
    { pod: podOf({ restartPolicy: "OnFailure" }), containers: [exited("main", 0)] },
    "Succeeded",
  ],
  ["failed with OnFailure", { pod: podOf({ restartPolicy: "OnFailure" }), containers: [exited("main", 1)] }, "Running"],
  ["ended well with Never", { pod: two("Never"), containers: [exited("main", 0), exited("b", 0)] }, "Succeeded"],
  ["one failed with Never", { pod: two("Never"), containers: [exited("main", 0), exited("b", 1)] }, "Failed"],
  [
    "the container's own policy",
    { pod: podOf({ containers: [container("main", { restartPolicy: "Never" })] }), containers: [exited("main", 1)] },
    "Failed",
  ],
  [
    "a rule that restarts",
    {
      pod: podOf({
        containers: [
          container("main", {
            restartPolicy: "Never",
            restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
          }),
        ],
      }),
      containers: [exited("main", 42)],
    },
    "Running",
  ],
  ["an init container runs", { pod: init({}), containers: [instance("i")] }, "Pending"],
  ["an init container ended, regular ones to come", { pod: init({}), containers: [exited("i", 0)] }, "Pending"],
  ["an init container failed and tries again", { pod: init({}), containers: [exited("i", 1)] }, "Pending"],
  [
    "an init container failed for good",
    { pod: init({ restartPolicy: "Never" }), containers: [exited("i", 1)] },
    "Failed",
  ],
  ["a sidecar runs, regular ones to come", { pod: side(), containers: [instance("s")] }, "Pending"],
  ["a sidecar and the rest run", { pod: side(), containers: [instance("s"), instance("main")] }, "Running"],
  [
    "a sidecar starts again beside the rest",
    { pod: side(), containers: [exited("s", 1), instance("main")] },
    "Running",
  ],
  [
    "only the sidecar runs",
    { pod: side({ restartPolicy: "Never" }), containers: [instance("s"), exited("main", 0)] },
    "Running",
  ],
  [
    "the sidecar was killed after the rest",
    { pod: side({ restartPolicy: "Never" }), containers: [exited("s", 137), exited("main", 0)] },
    "Succeeded",
  ],
  ["ended for good though it would restart", { terminal: true, containers: [exited("main", 0)] }, "Succeeded"],
  ["ended for good with a failure", { terminal: true, containers: [exited("main", 1)] }, "Failed"],
  [
    "a static pod is not forced",
    {
      terminal: true,
      pod: podOf({}, { annotations: { "kubernetes.io/config.source": "file" } }),
      containers: [exited("main", 0)],
    },
    "Running",
  ],
  [
    "imposed",
    { imposed: { phase: "Failed", reason: "Evicted", message: "low on x" }, containers: [instance("main")] },
    "Failed",
  ],
  ["a terminal phase stays", { previous: { phase: "Succeeded" }, containers: [instance("main")] }, "Succeeded"],
];
for (const [name, given, phase] of phases) {
  test(`computePodStatus() gives phase ${phase}: ${name}`, () => assert.equal(compute(given).phase, phase));
}

test("computePodStatus() keeps reason and message as long as the phase stays", () => {
  const previous = { phase: "Running", reason: "R", message: "M" };
  const kept = compute({ previous, containers: [instance("main")] });
  assert.deepEqual([kept.reason, kept.message], ["R", "M"]);
  const changed = compute({ previous, sandboxes: [] });
  assert.deepEqual([changed.phase, changed.reason, changed.message], ["Pending", undefined, undefined]);
  const evicted = compute({ previous, imposed: { phase: "Failed", reason: "Evicted", message: "E" } });
  assert.deepEqual([evicted.reason, evicted.message], ["Evicted", "E"]);
  const still = compute({ previous: evicted });
  assert.deepEqual([still.phase, still.reason, still.message], ["Failed", "Evicted", "E"]);
});

type Shown = readonly (string | undefined)[];
const TRUE: Shown = ["True", undefined, undefined];
const conditions: readonly [name: string, given: Given, type: string, expected: Shown][] = [
  [
    "no sandbox",
    { sandboxes: [] },
    "PodReadyToStartContainers",
    ["False", "PodSandboxNotReady", "no pod sandbox exists"],
  ],
  [
    "dead sandbox",
    { sandboxes: [{ ...sandbox, state: "not-ready" }] },
    "PodReadyToStartContainers",
    ["False", "PodSandboxNotReady", "pod sandbox is not ready"],
  ],
  ["good sandbox", {}, "PodReadyToStartContainers", TRUE],
  [
    "the caller's reason",
    { sandboxReason: "because" },
    "PodReadyToStartContainers",
    ["False", "PodSandboxNotReady", "because"],
  ],
  ["no init containers", {}, "Initialized", TRUE],
  [
    "init containers to do",
    { pod: podOf({ initContainers: [container("i"), sidecar("s")] }), containers: [instance("i")] },
    "Initialized",
    ["False", "ContainersNotInitialized", "containers with incomplete status: [i s]"],
  ],
  ["init containers done", { pod: init({}), containers: [exited("i", 0)] }, "Initialized", TRUE],
  ["sidecar restarts beside a running container", { pod: side(), containers: [instance("main")] }, "Initialized", TRUE],
  [
    "once initialised",
    { pod: side(), previous: { conditions: [{ type: "Initialized", status: "True" }] } },
    "Initialized",
    TRUE,
  ],
  [
    "completed",
    { pod: podOf({ restartPolicy: "Never" }), containers: [exited("main", 0)] },
    "Initialized",
    ["True", "PodCompleted", undefined],
  ],
  [
    "not ready",
    { pod: two("Always") },
    "ContainersReady",
    ["False", "ContainersNotReady", "containers with unready status: [main b]"],
  ],
  [
    "not ready",
    { pod: two("Always") },
    "Ready",
    ["False", "ContainersNotReady", "containers with unready status: [main b]"],
  ],
  [
    "completed",
    { pod: podOf({ restartPolicy: "Never" }), containers: [exited("main", 0)] },
    "Ready",
    ["False", "PodCompleted", undefined],
  ],
  [
    "failed",
    { pod: podOf({ restartPolicy: "Never" }), containers: [exited("main", 1)] },
    "ContainersReady",
    ["False", "PodFailed", undefined],
  ],
  [
    "sidecar not ready",
    { pod: side(), containers: [exited("s", 1), instance("main")] },
    "Ready",
    ["False", "ContainersNotReady", "containers with unready status: [s]"],
  ],
  [
    "readiness gates",
    {
      pod: {
        ...podOf({ readinessGates: [{ conditionType: "a/b" }, { conditionType: "c/d" }, { conditionType: "e/f" }] }),
        status: {
          conditions: [
            { type: "c/d", status: "False" },
            { type: "e/f", status: "True" },
          ],
        },
      },
      containers: [instance("main")],
    },
    "Ready",
    [
      "False",
      "ReadinessGatesNotReady",
      'corresponding condition of pod readiness gate "a/b" does not exist., the status of pod readiness gate "c/d" is not "True", but False',
    ],
  ],
];
for (const [name, given, type, expected] of conditions) {
  test(`computePodStatus() sets ${type}: ${name}`, () => assert.deepEqual(conditionOf(compute(given), type), expected));
}

test("computePodStatus() changes a transition time only with the status", () => {
  const before = compute({ sandboxes: [] });
  const after = compute({ previous: before, containers: [instance("main")], now: LATER });
  const times = Object.fromEntries(
    (after.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
  );
  const changed = "2026-01-02T04:00:00Z";
  assert.deepEqual(times, {
    PodReadyToStartContainers: changed,
    Initialized: NOW_TEXT,
    Ready: changed,
    ContainersReady: changed,
    PodScheduled: NOW_TEXT,
  });
  assert.equal(after.startTime, NOW_TEXT);
});

test("computePodStatus() keeps conditions that somebody else set", () => {
  const foreign = { type: "example.com/gate", status: "True", lastTransitionTime: NOW_TEXT };
  const target = { type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet" };
  const status = compute({ previous: { conditions: [foreign, { type: "Ready", status: "True" }, target] } });
  assert.deepEqual(status.conditions?.slice(0, 2), [foreign, target]);
});

test("computePodStatus() says that the kubelet disrupted the pod, in place of what others said", () => {
  const eviction = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" };
  const imposed = { phase: "Failed", reason: "Terminated", message: "M", disruption: "D" } as const;
  const status = compute({ previous: { conditions: [eviction] }, imposed });
  const { type, lastTransitionTime, ...told } = status.conditions?.at(-1) ?? { type: "" };
  assert.equal(type, "DisruptionTarget");
  assert.deepEqual(told, { status: "True", reason: "TerminationByKubelet", message: "D" });
  assert.equal(status.conditions?.filter((one) => one.type === "DisruptionTarget").length, 1);
  assert.deepEqual([status.phase, status.reason, status.message], ["Failed", "Terminated", "M"]);
});

const addresses: readonly [name: string, given: Given, expected: readonly string[] | undefined][] = [
  [
    "of the sandbox, the node's family first",
    { sandboxes: [{ ...sandbox, ips: ["FD00:0::5", "10.0.0.5", "10.0.0.6"] }] },
    ["10.0.0.5", "fd00::5"],
  ],
  [
    "of a node with IPv6 first",
    { hostIps: ["fd00::1"], sandboxes: [{ ...sandbox, ips: ["10.0.0.5", "fd00::5"] }] },
    ["fd00::5", "10.0.0.5"],
  ],
  [
    "kept after the sandbox",
    { previous: { podIPs: [{ ip: "10.0.0.9" }] }, sandboxes: [{ ...sandbox, state: "not-ready", ips: [] }] },
    ["10.0.0.9"],
  ],
  ["none yet", { sandboxes: [] }, undefined],
  ["the node's", { pod: podOf({ hostNetwork: true }), hostIps: ["1.2.3.4", "fd00::1"] }, ["1.2.3.4", "fd00::1"]],
  [
    "the node's, as set first",
    { pod: podOf({ hostNetwork: true }), hostIps: ["9.9.9.9"], previous: { podIPs: [{ ip: "1.2.3.4" }] } },
    ["1.2.3.4"],
  ],
];
for (const [name, given, expected] of addresses) {
  test(`computePodStatus() gives addresses ${name}`, () => {
    const status = compute(given);
    assert.deepEqual(
      status.podIPs?.map(({ ip }) => ip),
      expected,
    );
    assert.equal(status.podIP, expected?.[0]);
  });
}

/** A pod and a history of what was seen of it. */
const histories = fc
  .record({
    policy: fc.constantFrom("Always", "OnFailure", "Never"),
    names: fc.record({ steps: fc.nat(2), sidecars: fc.nat(1), regular: fc.integer({ min: 1, max: 3 }) }),
    isStatic: fc.boolean(),
  })
  .chain(({ policy, names, isStatic }) => {
    const make = (prefix: string, count: number, of: (name: string) => Container) =>
      Array.from({ length: count }, (_, index) => of(`${prefix}${index}`));
    const pod = podOf(
      {
        restartPolicy: policy,
        initContainers: [...make("i", names.steps, container), ...make("s", names.sidecars, sidecar)],
        containers: make("m", names.regular, container),
      },
      isStatic ? { annotations: { "kubernetes.io/config.source": "file" } } : {},
    );
    const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const seenContainer = fc
      .record({
        name: fc.constantFrom(...all.map(({ name }) => name)),
        state: fc.constantFrom("created" as const, "running" as const, "exited" as const, "unknown" as const),
        exitCode: fc.constantFrom(0, 1, 137),
        attempt: fc.nat(3),
      })
      .map(({ name, ...more }) => instance(name, more));
    const look = fc.record({
      containers: fc
        .uniqueArray(seenContainer, { maxLength: 6, selector: ({ id }) => id })
        .map((list) => list.sort((a, b) => b.createdAt - a.createdAt)),
      sandboxes: fc.constantFrom([], [sandbox], [{ ...sandbox, state: "not-ready" as const, ips: [] }]),
      terminal: fc.boolean(),
      failing: fc.boolean(),
    });
    return fc.record({ pod: fc.constant(pod), looks: fc.array(look, { minLength: 1, maxLength: 6 }) });
  });

test("computePodStatus() keeps its promises through any history", () => {
  fc.assert(
    fc.property(histories, ({ pod, looks }) => {
      let previous: PodStatus | undefined;
      for (const { failing, ...look } of looks) {
        const names = (pod.spec?.containers ?? []).map(({ name }) => name);
        const startFailures = new Map(
          failing ? names.map((name) => [name, { reason: "CrashLoopBackOff", message: "m" }]) : [],
        );
        const status = compute({ pod, previous, startFailures, ...look });
        assert.deepEqual(JSON.parse(JSON.stringify(status)), status, "is plain JSON");
        const types = status.conditions?.map(({ type }) => type) ?? [];
        assert.equal(new Set(types).size, types.length, "each condition once");
        if (isTerminalPhase(previous?.phase)) assert.equal(status.phase, previous?.phase, "a terminal phase stays");
        if (isTerminalPhase(status.phase))
          assert.equal(conditionOf(status, "Ready")[0], "False", "an ended pod is not ready");
        for (const one of [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])]) {
          assert.equal(Object.keys(one.state ?? {}).length, 1, "one state at a time");
          const before = previous && stateOf(previous, one.name);
          assert.ok(one.restartCount >= (before?.restartCount ?? 0), "restarts never become fewer");
        }
        assert.deepEqual(compute({ pod, previous, startFailures, ...look }), status, "the same again");
        previous = status;
      }
    }),
    { numRuns: 300 },
  );
});

test("computePodStatus() takes a container that is being replaced for no end, whatever the restart policy says", () => {
  const given = { pod: podOf({ restartPolicy: "Never" }), containers: [exited("main", 143)] };
  assert.equal(compute({ ...given, goesOn: true }).phase, "Running");
  assert.equal(compute(given).phase, "Failed");
});
