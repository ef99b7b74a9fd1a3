import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Container, EnvVar, Pod, PodSpec, SecurityContext } from "../model/kubernetes.ts";
import type { ContainerConfig } from "../model/runtime.ts";
import { type ContainerContext, containerConfig } from "./container.ts";

const context: ContainerContext = {
  attempt: 3,
  imageRef: "sha256:abc",
  imageUser: { uid: undefined, username: "" },
  resources: { cpuShares: 2 },
  rootDir: "/var/lib/kubelet",
  seccompDefault: false,
  maskedPaths: [],
  volumes: new Map([["data", "/vol/data"]]),
  subPaths: new Map(),
  readonlyVolumes: new Set(),
  etcHostsPath: "/pod/etc-hosts",
  terminationLogPath: "/pod/containers/main/0a0b0c0d",
  seLinux: false,
  nodeName: "node1",
  hostIps: ["1.2.3.4", "fd00::1"],
  podIps: ["10.0.0.5", "fd00::5"],
  allocatable: { cpu: "4", memory: "8Gi", "ephemeral-storage": "100Gi" },
  sources: { object: () => undefined, whyMissing: (kind, name) => `no ${kind} ${name}`, services: new Map() },
};
const base: Container = {
  name: "main",
  image: "repo/app:1",
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
};
const podOf = (spec: Partial<PodSpec>, annotations = {}): Pod => ({
  metadata: { name: "web", namespace: "shop", uid: "u1", labels: { app: "w" }, annotations },
  spec: { containers: [], terminationGracePeriodSeconds: 30, ...spec },
});
interface Case {
  readonly container?: Partial<Container>;
  readonly spec?: Partial<PodSpec>;
  readonly context?: Partial<ContainerContext>;
  readonly annotations?: { readonly [key: string]: string };
}
function built(given: Case): ContainerConfig {
  const container = { ...base, ...given.container };
  const pod = podOf({ containers: [container], ...given.spec }, given.annotations);
  return containerConfig(pod, container, { ...context, ...given.context });
}
const envs = (env: readonly EnvVar[], more: Case = {}) =>
  built({ ...more, container: { ...more.container, env } }).envs.map(({ key, value }) => `${key}=${value}`);

test("containerConfig() says who the container is", () => {
  const config = built({});
  assert.equal(config.image, "sha256:abc");
  assert.equal(config.userSpecifiedImage, "repo/app:1");
  assert.equal(config.logPath, "main/3.log");
  assert.equal(config.attempt, 3);
  assert.deepEqual(config.labels, {
    "io.kubernetes.pod.name": "web",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "u1",
    "io.kubernetes.container.name": "main",
  });
});

test("containerConfig() writes upstream's annotations byte for byte", () => {
  const hash = built({ container: { name: "test_container", image: "foo/image:v1" } }).annotations;
  assert.equal(hash["io.kubernetes.container.hash"], "8e45cbd0");
  const ports = [
    { containerPort: 80, name: "http", protocol: "TCP", hostPort: 8080 },
    { containerPort: 81, protocol: "UDP", hostIP: "::1" },
  ];
  const preStop = {
    exec: { command: ["sh", "-c", "a && b > <c>"] },
    httpGet: { port: 80, path: "/x", scheme: "HTTP", httpHeaders: [{ name: "n", value: "v" }] },
    tcpSocket: { port: "web" },
    sleep: { seconds: 5 },
  };
  const { annotations } = built({ container: { ports, lifecycle: { preStop } } });
  assert.deepEqual(annotations, {
    "io.kubernetes.container.hash": annotations["io.kubernetes.container.hash"],
    "io.kubernetes.container.restartCount": "3",
    "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
    "io.kubernetes.container.terminationMessagePolicy": "File",
    "io.kubernetes.pod.terminationGracePeriod": "30",
    "io.kubernetes.container.preStopHandler":
      '{"exec":{"command":["sh","-c","a \\u0026\\u0026 b \\u003e \\u003cc\\u003e"]},"httpGet":{"path":"/x","port":80,"scheme":"HTTP","httpHeaders":[{"name":"n","value":"v"}]},"tcpSocket":{"port":"web"},"sleep":{"seconds":5}}',
    "io.kubernetes.container.ports":
      '[{"name":"http","hostPort":8080,"containerPort":80,"protocol":"TCP"},{"containerPort":81,"protocol":"UDP","hostIP":"::1"}]',
  });
});

const variables: readonly [name: string, env: readonly EnvVar[], expected: readonly string[], more?: Case][] = [
  [
    "in order, the last value of a name",
    [{ name: "A", value: "1" }, { name: "B" }, { name: "A", value: "2" }],
    ["A=2", "B="],
  ],
  [
    "expanded by what stands before",
    [
      { name: "X", value: "$(A)" },
      { name: "A", value: "1" },
      { name: "B", value: "$(A)$(X)" },
    ],
    ["X=$(A)", "A=1", "B=1$(A)"],
  ],
  [
    "protected dollar",
    [
      { name: "A", value: "1" },
      { name: "B", value: "$$(A)" },
    ],
    ["A=1", "B=$(A)"],
  ],
  [
    "downward fields, not expanded",
    [
      { name: "N", valueFrom: { fieldRef: { fieldPath: "metadata.annotations['x']" } } },
      { name: "L", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: "NONE", valueFrom: { fieldRef: { fieldPath: "metadata.labels['none']" } } },
      { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      { name: "IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } },
      { name: "HOST", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } },
      { name: "UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } },
    ],
    ["N=$(L)", "L=w", "NONE=", "NODE=node1", "IP=10.0.0.5", "IPS=10.0.0.5,fd00::5", "HOST=1.2.3.4", "UID=u1"],
    { annotations: { x: "$(L)" } },
  ],
  [
    "resources, rounded up",
    [
      { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
      { name: "MILLI", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
      { name: "MEM", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
      { name: "REQ", valueFrom: { resourceFieldRef: { resource: "requests.memory" } } },
      { name: "DISK", valueFrom: { resourceFieldRef: { resource: "limits.ephemeral-storage", divisor: "1Gi" } } },
    ],
    ["CPU=2", "MILLI=1500", "MEM=8192", "REQ=0", "DISK=100"],
    { container: { resources: { limits: { cpu: "1500m" } } } },
  ],
  [
    "another container's resources and the pod's limit",
    [
      {
        name: "A",
        valueFrom: { resourceFieldRef: { containerName: "other", resource: "requests.cpu", divisor: "1m" } },
      },
      { name: "B", valueFrom: { resourceFieldRef: { resource: "limits.memory" } } },
    ],
    ["A=250", "B=1000"],
    {
      spec: {
        resources: { limits: { memory: "1k" } },
        containers: [{ name: "other", resources: { requests: { cpu: "250m" } } }],
      },
    },
  ],
  [
    "nothing for optional sources",
    [
      { name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "k", optional: true } } },
      { name: "B", valueFrom: { secretKeyRef: { name: "c", key: "k", optional: true } } },
      { name: "C", value: "1" },
    ],
    ["C=1"],
  ],
];
for (const [name, env, expected, more] of variables) {
  test(`containerConfig() gives variables: ${name}`, () => assert.deepEqual(envs(env, more), expected));
}

test("containerConfig() fills variables into command and arguments", () => {
  const config = built({
    container: { env: [{ name: "A", value: "1" }], command: ["x$(A)", "$(B)"], args: ["$$(A)"] },
  });
  assert.deepEqual([config.command, config.args], [["x1", "$(B)"], ["$(A)"]]);
});

const root = { runAsNonRoot: true };
const refusals: readonly [name: string, given: Case, message: string][] = [
  [
    "a configMap",
    { container: { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } }] } },
    "no ConfigMap c",
  ],
  ["a secret", { container: { envFrom: [{ secretRef: { name: "s" } }] } }, "no Secret s"],
  [
    "an unknown field",
    { container: { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.magic" } } }] } },
    "field label not supported: spec.magic",
  ],
  [
    "an unknown resource",
    { container: { env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.magic" } } }] } },
    "unsupported container resource: limits.magic",
  ],
  [
    "an absent container",
    {
      container: {
        env: [{ name: "A", valueFrom: { resourceFieldRef: { containerName: "x", resource: "limits.cpu" } } }],
      },
    },
    "container x not found",
  ],
  [
    "an absent volume",
    { container: { volumeMounts: [{ name: "none", mountPath: "/x" }] } },
    'cannot find volume "none" to mount into container "main"',
  ],
  [
    "an absolute subPath",
    { container: { volumeMounts: [{ name: "data", mountPath: "/x", subPath: "/etc" }] } },
    "error SubPath `/etc` must not be an absolute path",
  ],
  [
    "a subPath that leaves",
    { container: { volumeMounts: [{ name: "data", mountPath: "/x", subPath: "a/../../b" }] } },
    "unable to provision SubPath `a/../../b`: must not contain '..'",
  ],
  [
    "a subPath without value",
    { container: { volumeMounts: [{ name: "data", mountPath: "/x", subPathExpr: "$(B)/$(A)" }] } },
    "missing value for A, B",
  ],
  [
    "a subPath nobody prepared",
    { container: { volumeMounts: [{ name: "data", mountPath: "/x", subPath: "a" }] } },
    'failed to prepare subPath for volumeMount "data" of container "main"',
  ],
  [
    "user 0",
    { container: { securityContext: { ...root, runAsUser: 0 } } },
    'container\'s runAsUser breaks non-root policy (pod: "web_shop(u1)", container: main)',
  ],
  [
    "an image of root",
    { spec: { securityContext: root } },
    'container has runAsNonRoot and image will run as root (pod: "web_shop(u1)", container: main)',
  ],
  [
    "an image with a named user",
    { container: { securityContext: root }, context: { imageUser: { uid: undefined, username: "app" } } },
    'container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root (pod: "web_shop(u1)", container: main)',
  ],
  [
    "an image with a wild user",
    { container: { securityContext: root }, context: { imageUser: { uid: 2 ** 31, username: "" } } },
    'container has runAsNonRoot and image has an invalid user id (2147483648). (Must be 1-(2147483647)): must be between 0 and 2147483647, inclusive (pod: "web_shop(u1)", container: main)',
  ],
  [
    "a seccomp profile without a file",
    { container: { securityContext: { seccompProfile: { type: "Localhost" } } } },
    "localhostProfile must be set if seccompProfile type is Localhost.",
  ],
  [
    "an AppArmor profile without a name",
    { container: { securityContext: { appArmorProfile: { type: "Localhost" } } } },
    "missing localhost apparmor profile name",
  ],
];
for (const [name, given, message] of refusals) {
  test(`containerConfig() refuses ${name}`, () => {
    assert.throws(
      () => built(given),
      (error) => {
        assert.ok(isFault(error, "waiting") && error.fault.reason === "CreateContainerConfigError");
        assert.equal(error.message, message);
        return true;
      },
    );
  });
}

test("containerConfig() mounts volumes, hosts file, termination log, in this order", () => {
  const volumeMounts = [
    { name: "data", mountPath: "rel", readOnly: true, mountPropagation: "HostToContainer" },
    { name: "data", mountPath: "/sub", subPathExpr: "$(P)", mountPropagation: "Bidirectional" },
    { name: "conf", mountPath: "/conf" },
  ];
  const config = built({
    container: { volumeMounts, env: [{ name: "P", value: "x" }] },
    context: {
      subPaths: new Map([[1, "/prepared/1"]]),
      volumes: new Map([
        ["data", "/vol/data"],
        ["conf", "/vol/conf"],
      ]),
      readonlyVolumes: new Set(["conf"]),
    },
  });
  assert.deepEqual(
    config.mounts.map(
      ({ containerPath, hostPath, readonly, propagation }) => `${hostPath} ${containerPath} ${readonly} ${propagation}`,
    ),
    [
      "/vol/data /rel true host-to-container",
      "/prepared/1 /sub false bidirectional",
      "/vol/conf /conf true private",
      "/pod/etc-hosts /etc/hosts false private",
      "/pod/containers/main/0a0b0c0d /dev/termination-log false private",
    ],
  );
});

test("containerConfig() leaves /etc/hosts to a container that mounts it", () => {
  const { mounts } = built({
    container: { volumeMounts: [{ name: "data", mountPath: "/etc/hosts" }], terminationMessagePath: "" },
  });
  assert.deepEqual(
    mounts.map(({ hostPath }) => hostPath),
    ["/vol/data"],
  );
  assert.deepEqual(built({ context: { etcHostsPath: undefined, terminationLogPath: undefined } }).mounts, []);
});

const users: readonly [name: string, given: Case, user: number | undefined, username?: string][] = [
  ["root of an image that says nothing", {}, 0],
  ["the image's number", { context: { imageUser: { uid: 33, username: "" } } }, 33],
  ["the image's name", { context: { imageUser: { uid: undefined, username: "app" } } }, undefined, "app"],
  ["the pod's user", { spec: { securityContext: { runAsUser: 7 } } }, 7],
  [
    "the container's user before the pod's",
    { spec: { securityContext: { runAsUser: 7 } }, container: { securityContext: { runAsUser: 8 } } },
    8,
  ],
  [
    "a number that is not root",
    { container: { securityContext: root }, context: { imageUser: { uid: 33, username: "" } } },
    33,
  ],
];
for (const [name, given, user, username] of users) {
  test(`containerConfig() runs as ${name}`, () => {
    const { runAsUser, runAsUsername } = built(given).security;
    assert.deepEqual([runAsUser, runAsUsername], [user, username]);
  });
}

const profiles: readonly [name: string, given: Case, seccomp: unknown, appArmor: unknown][] = [
  ["none", {}, { kind: "unconfined" }, undefined],
  ["the node's default", { context: { seccompDefault: true } }, { kind: "runtime-default" }, undefined],
  [
    "the pod's",
    {
      spec: {
        securityContext: { seccompProfile: { type: "RuntimeDefault" }, appArmorProfile: { type: "Unconfined" } },
      },
    },
    { kind: "runtime-default" },
    { kind: "unconfined" },
  ],
  [
    "the container's own",
    {
      container: {
        securityContext: {
          seccompProfile: { type: "Localhost", localhostProfile: "p/a.json" },
          appArmorProfile: { type: "Localhost", localhostProfile: "mine" },
        },
      },
    },
    { kind: "localhost", localhostRef: "/var/lib/kubelet/seccomp/p/a.json" },
    { kind: "localhost", localhostRef: "mine" },
  ],
  [
    "the old annotation",
    {
      annotations: { "container.apparmor.security.beta.kubernetes.io/main": "localhost/old" },
      spec: { securityContext: { appArmorProfile: { type: "Unconfined" } } },
    },
    { kind: "unconfined" },
    { kind: "localhost", localhostRef: "old" },
  ],
];
for (const [name, given, seccomp, appArmor] of profiles) {
  test(`containerConfig() uses security profiles: ${name}`, () => {
    const { security } = built(given);
    assert.deepEqual([security.seccomp, security.appArmor], [seccomp, appArmor]);
  });
}

test("containerConfig() passes the rest of the security context on", () => {
  const securityContext: SecurityContext = {
    privileged: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
    procMount: "Unmasked",
    runAsGroup: 9,
    seLinuxOptions: { type: "t" },
  };
  const { security } = built({
    container: { securityContext },
    spec: { securityContext: { fsGroup: 2, supplementalGroups: [3], runAsGroup: 8 } },
    context: { volumeGroups: [4] },
  });
  assert.deepEqual(security, {
    namespaces: { network: "pod", ipc: "pod", pid: "container" },
    privileged: true,
    runAsUser: 0,
    runAsGroup: 9,
    supplementalGroups: [2, 3, 4],
    supplementalGroupsPolicy: "Merge",
    readonlyRootfs: true,
    noNewPrivs: true,
    capabilitiesAdd: ["NET_ADMIN"],
    capabilitiesDrop: ["ALL"],
    maskedPaths: [],
    readonlyPaths: [],
    seccomp: { kind: "unconfined" },
    seLinux: { user: "", role: "", type: "t", level: "" },
  });
});

test("containerConfig() hides what of the kernel is not the container's", () => {
  const { security } = built({ context: { maskedPaths: ["/sys/x"] } });
  assert.ok(security.maskedPaths.includes("/proc/kcore") && security.maskedPaths.includes("/sys/x"));
  assert.deepEqual(security.readonlyPaths, ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
  assert.equal(security.noNewPrivs, false);
});
