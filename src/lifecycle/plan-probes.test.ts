/** What probes, a debugger's containers and a deadline make of a plan. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, millis } from "../base/units.ts";
import type { ImageState } from "../images/index.ts";
import { containerHash } from "../model/container-hash.ts";
import type { Container, Pod, PodSpec } from "../model/kubernetes.ts";
import { ANNOTATION_CONTAINER_HASH } from "../model/names.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { type ProbeVerdicts, UNWATCHED } from "../probes/index.ts";
import { type PlanInput, planPod } from "./plan.ts";
import type { Step } from "./step.ts";

const IMAGE = { id: "i", repoTags: [], repoDigests: [], size: 0, uid: undefined, username: "", pinned: false };
const READY: ImageState = { kind: "ready", ref: "i", info: IMAGE };
const PULLING: ImageState = { kind: "pulling", since: instant(0) };
const web: Container = { name: "web", image: "i" };
const proxy: Container = { name: "proxy", image: "i", restartPolicy: "Always" };
const look: Container = { name: "look", image: "i" };
const withStartup = (container: Container): Container => ({ ...container, startupProbe: { tcpSocket: { port: 1 } } });

const seenOf = (name: string, state: string, more: object = {}) => ({
  ...{ id: `${name}-0`, name, state, sandboxId: "s", attempt: 0, exitCode: 0, reason: "", finishedAt: 5 },
  annotations: { [ANNOTATION_CONTAINER_HASH]: containerHash({ name, image: "i" }) },
  ...more,
});
const snapshot = (...containers: object[]): PodSnapshot =>
  ({
    uid: "u",
    sandboxes: [{ id: "s", state: "ready", metadata: { attempt: 0 }, network: "pod", ips: ["10.0.0.1"] }],
    containers,
  }) as unknown as PodSnapshot;
const failing = (id: string, kind: "liveness" | "startup"): ProbeVerdicts => ({
  ...UNWATCHED,
  failed: (asked) => (asked === id ? kind : undefined),
});

function plan(spec: Partial<PodSpec>, seen: PodSnapshot, input: Partial<PlanInput> = {}, status: Pod["status"] = {}) {
  const pod: Pod = {
    metadata: { name: "p", uid: "u" },
    spec: { containers: [web], terminationGracePeriodSeconds: 7, ...spec },
    status,
  };
  return planPod({
    intent: { goal: "run", uid: "u", pod },
    seen,
    now: instant(1_000),
    ended: false,
    restarting: new Set(),
    stopped: new Set(),
    prepared: true,
    released: false,
    image: () => READY,
    hold: () => undefined,
    firstAttempt: () => 0,
    ...input,
  });
}

const short = (step: Step): string => {
  if (step.kind === "start-container") return `start ${step.container.name} ${step.attempt} ${step.finishedAt}`;
  if (step.kind === "fetch-image") return `fetch ${step.container.name}`;
  if (step.kind !== "stop-containers") return "id" in step ? `${step.kind} ${step.id}` : step.kind;
  return step.stops.map(({ message, grace, restart }) => `${message} | ${grace} ${restart}`).join();
};

const running = snapshot(seenOf("web", "running"));
const cases: readonly { name: string; steps: readonly string[]; of: () => ReturnType<typeof plan> }[] = [
  {
    name: "restarts a container that fails its liveness probe",
    of: () => plan({}, running, { probes: failing("web-0", "liveness") }),
    steps: ["Container web failed liveness probe, will be restarted | 7000 true"],
  },
  {
    name: "gives it the grace of its probe",
    of: () =>
      plan({ containers: [{ ...web, startupProbe: { terminationGracePeriodSeconds: 60 } }] }, running, {
        probes: failing("web-0", "startup"),
      }),
    steps: ["Container web failed startup probe, will be restarted | 60000 true"],
  },
  {
    name: "stops it for good where nothing may run again",
    of: () => plan({ restartPolicy: "Never" }, running, { probes: failing("web-0", "liveness") }),
    steps: ["Container web failed liveness probe | 7000 false"],
  },
  {
    name: "goes by the container's own policy",
    of: () =>
      plan({ restartPolicy: "Always", containers: [{ ...web, restartPolicy: "Never" }] }, running, {
        probes: failing("web-0", "liveness"),
      }),
    steps: ["Container web failed liveness probe | 7000 false"],
  },
  {
    name: "starts it again at once, whatever its exit code",
    of: () =>
      plan({ restartPolicy: "OnFailure" }, snapshot(seenOf("web", "exited")), { restarting: new Set(["web-0"]) }),
    steps: ["start web 1 undefined"],
  },
  {
    name: "counts the back-off from the run before, where it was stopped for its probe",
    of: () =>
      plan(
        {},
        snapshot(
          seenOf("web", "exited", { id: "web-1", attempt: 1, finishedAt: 99 }),
          seenOf("web", "exited", { finishedAt: 50 }),
        ),
        { restarting: new Set(["web-1"]) },
      ),
    steps: ["start web 2 50", "remove-container web-0"],
  },
  {
    name: "waits for a sidecar to have started",
    of: () =>
      plan({ initContainers: [withStartup(proxy)] }, snapshot(seenOf("proxy", "running")), {
        probes: { ...UNWATCHED, hasStarted: () => false },
      }),
    steps: [],
  },
  {
    name: "goes on when it has",
    of: () => plan({ initContainers: [proxy] }, snapshot(seenOf("proxy", "running"))),
    steps: ["start web 0 undefined"],
  },
  {
    name: "restarts a sidecar that fails a probe",
    of: () =>
      plan({ initContainers: [proxy] }, snapshot(seenOf("web", "running"), seenOf("proxy", "running")), {
        probes: failing("proxy-0", "startup"),
      }),
    steps: ["Init container proxy failed startup probe | 7000 true"],
  },
  {
    name: "starts an ephemeral container",
    of: () => plan({ ephemeralContainers: [look] }, running),
    steps: ["start look 0 undefined"],
  },
  {
    name: "starts it before the pod has come up, and others do not wait for its image",
    of: () =>
      plan({ initContainers: [proxy], ephemeralContainers: [look] }, snapshot(), {
        image: ({ name }) => (name === "look" ? PULLING : READY),
      }),
    steps: ["start proxy 0 undefined"],
  },
  {
    name: "never starts it again",
    of: () => plan({ ephemeralContainers: [look] }, snapshot(seenOf("web", "running"), seenOf("look", "exited"))),
    steps: [],
  },
  {
    name: "never starts it again where the runtime has lost its record",
    of: () =>
      plan(
        { ephemeralContainers: [look] },
        running,
        {},
        {
          ephemeralContainerStatuses: [
            { name: "look", image: "i", imageID: "", ready: false, restartCount: 0, containerID: "containerd://x" },
          ],
        },
      ),
    steps: [],
  },
];
for (const { name, steps, of } of cases)
  test(`planPod() ${name}`, () => assert.deepEqual(of().steps.map(short), steps));

test("planPod() ends a pod whose time is over, and looks again when it will be", () => {
  const over = plan({}, running, { timeLeft: millis(0) });
  assert.deepEqual(over.imposed, {
    reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline",
  });
  assert.equal(over.ended, true);
  assert.deepEqual(over.steps.map(short), ["Stopping container web | 7000 false", "stop-sandbox s"]);
  const before = plan({}, running, { timeLeft: millis(500) });
  assert.deepEqual([before.wakeAt, before.imposed, before.steps], [1_500, undefined, []]);
});
