/** Pods as they should be: their way from bound to gone. */
import { exec, LISTENING, ONCE_UP } from "../../support/cluster-pods.ts";
import { IMAGE, STAY, shellPod } from "../../support/kubelet.ts";
import { type Case, gone, init, loops, NEVER, phase, quick, ready, SESSION_NODE, STARTED, waits } from "./case.ts";

export const HEALTHY: Readonly<Record<string, Case>> = {
  pulling: {
    pod: shellPod("pulling", STAY),
    shows: ready,
    events: STARTED,
  },
  deadline: {
    pod: shellPod("deadline", LISTENING, ONCE_UP, { activeDeadlineSeconds: 10_000 }),
    shows: ready,
    events: [...STARTED, "DeadlineExceeded"],
    // Only now: however long the start took, it is over.
    orders: [["patch", "pod", "deadline", "--patch", '{"spec":{"activeDeadlineSeconds":1}}']],
    after: phase("Failed"),
  },
  plain: {
    pod: shellPod("plain", `echo hello; ${LISTENING}`, ONCE_UP),
    shows: ready,
    events: STARTED,
    asks: [
      ["logs", "plain"],
      ["logs", "plain", "-c", "nobody"],
      ["logs", "plain", "--previous"],
      ["exec", "plain", "--", "sh", "-c", "echo there; exit 4"],
      ["exec", "plain", "--", "/nope"],
    ],
  },
  inits: {
    pod: shellPod("inits", STAY, {}, { initContainers: [init("first", "exit 0"), init("second", "exit 0")] }),
    shows: ready,
    events: STARTED,
  },
  sidecar: {
    pod: shellPod("sidecar", STAY, {}, { initContainers: [init("side", STAY, { restartPolicy: "Always" })] }),
    shows: ready,
    events: STARTED,
  },
  "sidecar-done": {
    pod: shellPod(
      "sidecar-done",
      "exit 0",
      {},
      {
        ...NEVER,
        initContainers: [init("side", LISTENING, { ...ONCE_UP, restartPolicy: "Always" })],
      },
    ),
    shows: phase("Succeeded"),
    events: ["Killing"],
  },
  completed: { pod: shellPod("completed", "echo done", {}, NEVER), shows: phase("Succeeded"), events: [] },
  failed: { pod: shellPod("failed", "exit 7", {}, NEVER), shows: phase("Failed"), events: [] },
  "second-try": {
    pod: shellPod(
      "second-try",
      "if [ -e /d/mark ]; then exit 0; fi; touch /d/mark; exit 1",
      { volumeMounts: [{ name: "d", mountPath: "/d" }] },
      { restartPolicy: "OnFailure", volumes: [{ name: "d", emptyDir: {} }] },
    ),
    shows: phase("Succeeded"),
    events: [],
  },
  "done-again": {
    pod: shellPod("done-again", "exit 0"),
    shows: loops(),
    events: ["BackOff"],
  },
  "probes-good": {
    pod: shellPod("probes-good", "exec httpd -f -p 8080 -h /", {
      ports: [{ name: "web", containerPort: 8080 }],
      startupProbe: { tcpSocket: { port: "web" }, ...quick, failureThreshold: 200 },
      readinessProbe: { httpGet: { port: "web", path: "/etc/passwd" }, initialDelaySeconds: 3, ...quick },
      livenessProbe: { ...exec("true") },
    }),
    shows: ready,
    events: STARTED,
    // Asked before the server listens.
    blurred: [[/^event: Warning Unhealthy .* Startup probe failed: dial tcp .*: connection refused\n?/gm, ""]],
  },
  "host-network": {
    pod: shellPod("host-network", STAY, { ports: [{ containerPort: 18080 }] }, { hostNetwork: true }),
    shows: ready,
    events: STARTED,
  },
  "host-port": {
    pod: shellPod("host-port", STAY, { ports: [{ containerPort: 80, hostPort: 18081 }] }),
    shows: ready,
    events: STARTED,
  },
  guaranteed: {
    pod: shellPod("guaranteed", STAY, { resources: { limits: { cpu: "100m", memory: "32Mi" } } }),
    shows: ready,
    events: STARTED,
  },
  debugged: {
    pod: shellPod("debugged", STAY),
    shows: ready,
    events: STARTED,
    orders: [["debug", "debugged", `--image=${IMAGE}`, "--container=debugger", "--", "sh", "-c", "exit 2"]],
    after: (pod) =>
      pod?.status?.ephemeralContainerStatuses?.some(({ state }) => state?.terminated !== undefined) ?? false,
  },
  deleted: {
    pod: shellPod("deleted", LISTENING.replace("exit 0", "exit 7"), ONCE_UP),
    shows: ready,
    events: [...STARTED, "Killing"],
    orders: [["delete", "pod", "deleted", "--wait=false"]],
    after: gone,
  },
  "deleted-deaf": {
    pod: shellPod("deleted-deaf", "trap '' TERM; while :; do sleep 1; done", {}, { terminationGracePeriodSeconds: 2 }),
    shows: ready,
    events: [...STARTED, "Killing"],
    orders: [["delete", "pod", "deleted-deaf", "--wait=false"]],
    after: gone,
  },
  "deleted-by-force": {
    pod: shellPod("deleted-by-force", STAY),
    shows: ready,
    events: [...STARTED, "Killing"],
    orders: [["delete", "pod", "deleted-by-force", "--grace-period=0", "--force"]],
    after: gone,
  },
  "deleted-pending": {
    pod: shellPod("deleted-pending", STAY, { image: "registry.local/nothing:4" }),
    shows: waits("ImagePullBackOff"),
    events: ["BackOff"],
    orders: [["delete", "pod", "deleted-pending", "--wait=false"]],
    after: gone,
    // Upstream's tell what it lacked before, for the moment that it is still there.
    blurred: [[/reason: (PodFailed|ContainersNotReady)(\n +message: containers with unready .*)?/g, "reason: UNREADY"]],
  },
  drained: {
    pod: shellPod("drained", LISTENING, ONCE_UP, {}, { labels: { app: "drained" } }),
    shows: ready,
    events: ["Killing"],
    orders: [
      ["drain", SESSION_NODE, "--pod-selector=app=drained", "--force"],
      ["uncordon", SESSION_NODE],
    ],
    after: gone,
  },
};
