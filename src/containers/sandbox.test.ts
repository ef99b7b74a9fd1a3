import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod, PodSpec } from "../model/kubernetes.ts";
import { type SandboxContext, sandboxConfig } from "./sandbox.ts";

const context: SandboxContext = {
  attempt: 2,
  hostname: "web",
  dns: { servers: [], searches: [], options: [] },
  podLogsDir: "/var/log/pods",
  cgroupParent: "/kubepods/podu1",
  resources: undefined,
  overhead: undefined,
};
const container = (overrides: Partial<Container>): Container => ({ name: "main", image: "i", ...overrides });
const pod = (spec: Partial<PodSpec>): Pod => ({
  metadata: { name: "web", namespace: "shop", uid: "u1", labels: { app: "w" }, annotations: { note: "<x>" } },
  spec: { containers: [container({})], ...spec },
});
const built = (spec: Partial<PodSpec>, more: Partial<SandboxContext> = {}) =>
  sandboxConfig(pod(spec), { ...context, ...more });

test("sandboxConfig() says who the pod is", () => {
  const config = built({});
  assert.deepEqual(config.metadata, { name: "web", namespace: "shop", uid: "u1", attempt: 2 });
  assert.equal(config.logDirectory, "/var/log/pods/shop_web_u1");
  assert.deepEqual(config.labels, {
    app: "w",
    "io.kubernetes.pod.name": "web",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "u1",
  });
  assert.deepEqual(config.annotations, { note: "<x>" });
  assert.equal(config.cgroupParent, "/kubepods/podu1");
});

test("sandboxConfig() maps the ports of regular containers, each once", () => {
  const ports = [
    { name: "http", containerPort: 80, hostPort: 8080, protocol: "TCP" },
    { name: "http", containerPort: 81, protocol: "TCP" },
    { containerPort: 53, protocol: "UDP", hostIP: "fd00::1" },
    { containerPort: 53, protocol: "UDP", hostIP: "fd00::1" },
    { containerPort: 54, protocol: "odd" },
  ];
  const init = container({ name: "init", ports: [{ containerPort: 1 }] });
  assert.deepEqual(built({ initContainers: [init], containers: [container({ ports })] }).portMappings, [
    { protocol: "TCP", containerPort: 80, hostPort: 8080, hostIp: "" },
    { protocol: "UDP", containerPort: 53, hostPort: 0, hostIp: "fd00::1" },
    { protocol: "TCP", containerPort: 54, hostPort: 0, hostIp: "" },
  ]);
});

const namespaces: readonly [name: string, spec: Partial<PodSpec>, network: string, ipc: string, pid: string][] = [
  ["of its own", {}, "pod", "pod", "container"],
  ["the node's", { hostNetwork: true, hostIPC: true, hostPID: true }, "node", "node", "node"],
  ["processes shared in the pod", { shareProcessNamespace: true }, "pod", "pod", "pod"],
  ["the node's processes before the pod's", { shareProcessNamespace: true, hostPID: true }, "pod", "pod", "node"],
];
for (const [name, spec, network, ipc, pid] of namespaces) {
  test(`sandboxConfig() gives namespaces ${name}`, () =>
    assert.deepEqual(built(spec).security.namespaces, { network, ipc, pid }));
}

test("sandboxConfig() passes the pod's security context on, seccomp always the runtime's", () => {
  const securityContext = {
    runAsUser: 1000,
    runAsGroup: 3000,
    fsGroup: 2000,
    supplementalGroups: [5],
    supplementalGroupsPolicy: "Strict",
    seccompProfile: { type: "Unconfined" },
    seLinuxOptions: { level: "s0" },
    sysctls: [
      { name: "net/ipv4/conf/eth0.1/x", value: "1" },
      { name: "kernel.shm_rmid_forced", value: "0" },
    ],
  };
  const config = built({ securityContext }, { volumeGroups: [7] });
  assert.deepEqual(config.security, {
    namespaces: { network: "pod", ipc: "pod", pid: "container" },
    privileged: false,
    runAsUser: 1000,
    runAsGroup: 3000,
    supplementalGroups: [2000, 7, 5],
    supplementalGroupsPolicy: "Strict",
    readonlyRootfs: false,
    seccomp: { kind: "runtime-default" },
    seLinux: { user: "", role: "", type: "", level: "s0" },
  });
  assert.deepEqual(config.sysctls, { "net.ipv4.conf.eth0/1.x": "1", "kernel.shm_rmid_forced": "0" });
});

test("sandboxConfig() is privileged as soon as one container is", () => {
  const containers = [container({}), container({ name: "b", securityContext: { privileged: true } })];
  assert.equal(built({ containers }).security.privileged, true);
});

test("sandboxConfig() refuses an unknown groups policy", () => {
  assert.throws(
    () => built({ securityContext: { supplementalGroupsPolicy: "Odd" } }),
    /unsupported supplementalGroupsPolicy: Odd/,
  );
});
