/** Pods that can't do what they were made for, each in another way. */
import { exec, startedOnce } from "../../support/cluster-pods.ts";
import { STAY, shellPod } from "../../support/kubelet.ts";
import { type Case, container, init, loops, NEVER, phase, quick, SESSION_NODE, waits } from "./case.ts";

const settings = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { color: "blue", "not-a-name": "x", shape: "round" },
};

export const BROKEN: Readonly<Record<string, Case>> = {
  "init-fails": {
    pod: shellPod("init-fails", STAY, {}, { ...NEVER, initContainers: [init("first", "exit 5")] }),
    shows: phase("Failed"),
    events: [],
    asks: [["logs", "init-fails"]],
  },
  "init-loops": {
    pod: shellPod("init-loops", STAY, {}, { initContainers: [init("first", "exit 5")] }),
    shows: loops("first"),
    events: ["BackOff"],
  },
  crash: {
    pod: shellPod("crash", "echo last words; exit 3"),
    shows: loops(),
    events: ["BackOff"],
    asks: [["logs", "crash", "--previous"]],
  },
  "bad-image": {
    pod: shellPod("bad-image", STAY, { image: "registry.local/nothing:1" }),
    shows: waits("ImagePullBackOff"),
    events: ["BackOff"],
    asks: [["logs", "bad-image"]],
  },
  "bad-image-name": {
    pod: shellPod("bad-image-name", STAY, { image: "registry.local/UPPER" }),
    shows: waits("InvalidImageName"),
    events: ["InspectFailed"],
  },
  "never-pulled": {
    pod: shellPod("never-pulled", STAY, { image: "registry.local/nothing:2", imagePullPolicy: "Never" }),
    shows: waits("ErrImageNeverPull"),
    events: ["ErrImageNeverPull"],
  },
  "init-image": {
    pod: shellPod(
      "init-image",
      STAY,
      {},
      { initContainers: [init("first", "", { image: "registry.local/nothing:3" })] },
    ),
    shows: waits("ImagePullBackOff", "first"),
    events: ["BackOff"],
  },
  "no-configmap": {
    pod: shellPod("no-configmap", STAY, {
      env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "missing", key: "a" } } }],
    }),
    shows: waits("CreateContainerConfigError"),
    events: ["Failed"],
  },
  "no-key": {
    objects: [{ ...settings, metadata: { name: "no-key" } }],
    pod: shellPod("no-key", STAY, {
      env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "no-key", key: "a" } } }],
    }),
    shows: waits("CreateContainerConfigError"),
    events: ["Failed"],
  },
  "no-secret-env": {
    pod: shellPod("no-secret-env", STAY, { envFrom: [{ secretRef: { name: "missing" } }] }),
    shows: waits("CreateContainerConfigError"),
    events: ["Failed"],
  },
  "no-secret-volume": {
    pod: shellPod(
      "no-secret-volume",
      STAY,
      { volumeMounts: [{ name: "v", mountPath: "/v" }] },
      { volumes: [{ name: "v", secret: { secretName: "missing" } }] },
    ),
    shows: waits("ContainerCreating"),
    events: ["FailedMount"],
  },
  "no-host-path": {
    pod: shellPod(
      "no-host-path",
      STAY,
      { volumeMounts: [{ name: "v", mountPath: "/v" }] },
      { volumes: [{ name: "v", hostPath: { path: "/no/such/folder", type: "Directory" } }] },
    ),
    shows: waits("ContainerCreating"),
    events: ["FailedMount"],
  },
  "bad-command": { pod: shellPod("bad-command", "", { command: ["/nope"] }), shows: loops(), events: ["BackOff"] },
  "bad-command-once": {
    pod: shellPod("bad-command-once", "", { command: ["/nope"] }, NEVER),
    shows: phase("Failed"),
    events: [],
  },
  "bad-workdir-mount": {
    pod: shellPod(
      "bad-workdir-mount",
      STAY,
      {
        volumeMounts: [{ name: "v", mountPath: "/v", subPathExpr: "$(NOT_THERE)" }],
      },
      { volumes: [{ name: "v", emptyDir: {} }] },
    ),
    shows: waits("CreateContainerConfigError"),
    events: ["Failed"],
  },
  oom: {
    pod: shellPod("oom", "tail /dev/zero", { resources: { limits: { memory: "20Mi" } } }, NEVER),
    shows: phase("Failed"),
    events: [],
    // The runtime does not always hear of it in time.
    blurred: [
      [/reason: (Error|OOMKilled)/g, "reason: OOM"],
      [/ (Error|OOMKilled) /g, " OOM "],
    ],
  },
  unready: {
    pod: shellPod("unready", STAY, { readinessProbe: { ...exec("echo not yet; exit 1"), ...quick } }),
    shows: container(({ started }) => started === true),
    events: ["Unhealthy"],
  },
  "unready-http": {
    pod: shellPod("unready-http", STAY, { readinessProbe: { httpGet: { port: 81, path: "/x" }, ...quick } }),
    shows: container(({ started }) => started === true),
    events: ["Unhealthy"],
  },
  "http-404": {
    pod: shellPod("http-404", "touch /tmp/up; exec httpd -f -p 8080 -h /tmp", {
      ...startedOnce("wget -q -O /dev/null http://127.0.0.1:8080/up"),
      readinessProbe: { httpGet: { port: 8080, path: "/x" }, ...quick },
    }),
    shows: container(({ started }) => started === true),
    events: ["Unhealthy"],
  },
  "unready-tcp": {
    pod: shellPod("unready-tcp", STAY, { readinessProbe: { tcpSocket: { port: 81 }, ...quick } }),
    shows: container(({ state }) => state?.running !== undefined),
    events: ["Unhealthy"],
  },
  unlive: {
    // Only the first time, and not before it can hear that it is to end: /dev/shm is the pod's.
    pod: shellPod(
      "unlive",
      "trap 'touch /dev/shm/well; exit 0' TERM; touch /tmp/up; while :; do sleep 1000 & wait $!; done",
      {
        livenessProbe: {
          ...exec("if [ -e /tmp/up ] && ! [ -e /dev/shm/well ]; then echo broken >&2; exit 1; fi"),
          ...quick,
        },
      },
    ),
    shows: container(({ restartCount, state }) => restartCount === 1 && state?.running !== undefined),
    events: ["Killing"],
  },
  "not-started": {
    pod: shellPod("not-started", STAY, { startupProbe: { ...exec("exit 1"), ...quick, failureThreshold: 200 } }),
    shows: container(({ state }) => state?.running !== undefined),
    events: ["Unhealthy"],
  },
  "host-port-taken": {
    objects: [
      shellPod("holder", STAY, { ports: [{ containerPort: 80, hostPort: 18082 }] }, { nodeName: SESSION_NODE }),
    ],
    pod: shellPod("host-port-taken", STAY, { ports: [{ containerPort: 80, hostPort: 18082 }] }),
    shows: phase("Failed"),
    events: ["NodePorts"],
  },
  "not-root": {
    pod: shellPod("not-root", STAY, { securityContext: { runAsNonRoot: true } }),
    shows: waits("CreateContainerConfigError"),
    events: ["Failed"],
  },
  "too-large": {
    pod: shellPod("too-large", STAY, { resources: { requests: { cpu: "4000" } } }),
    shows: phase("Failed"),
    events: ["OutOfcpu"],
    asks: [["logs", "too-large"]],
    blurred: [[/used: \d+, capacity: \d+/g, "used: N, capacity: N"]],
  },
  "other-node": {
    pod: shellPod("other-node", STAY, {}, { nodeSelector: { disk: "nowhere" } }),
    shows: phase("Failed"),
    events: ["NodeAffinity"],
  },
};
