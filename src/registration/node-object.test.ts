import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "../model/kubernetes.ts";
import { MACHINE, OPTIONS, SPACE } from "./fake-node.ts";
import { statusImages } from "./images.ts";
import { initialNode } from "./initial-node.ts";
import { nodeDiffers, plainVersion, type StatusFacts, withStatus } from "./node-status.ts";
import { nodePatch } from "./patch.ts";
import { reconciledNode } from "./reconcile.ts";

const FACTS: StatusFacts = {
  now: "2026-01-01T00:00:00Z",
  machine: MACHINE,
  arch: "amd64",
  space: SPACE,
  addresses: [
    { type: "InternalIP", address: "192.0.2.2" },
    { type: "Hostname", address: "node-1" },
  ],
  providedNodeIp: undefined,
  images: [],
  runtimeVersion: { name: "containerd", version: "v2.4.2", apiVersion: "v1" },
  runtime: {
    handlers: [
      { name: "runc", recursiveReadOnlyMounts: true, userNamespaces: false },
      { name: "", recursiveReadOnlyMounts: true, userNamespaces: false },
    ],
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false },
  },
  pressure: { memory: false, disk: false, pid: false },
  problems: [],
  declaredFeatures: [],
};

const wired = <T>(value: T): T => JSON.parse(JSON.stringify(value));
const full = (options = OPTIONS, facts: Partial<StatusFacts> = {}): Node =>
  wired(withStatus(initialNode(options, "amd64"), { ...FACTS, ...facts }, options).node);

test("initialNode() has upstream's labels, annotation, taints", () => {
  const options = {
    ...OPTIONS,
    labels: { "kubernetes.io/arch": "arm64", disk: "ssd" },
    taints: [{ key: "dedicated", value: "", effect: "NoExecute" }],
    externalCloudProvider: true,
    providerId: "aws:///i-1",
  };
  assert.deepEqual(initialNode(options, "amd64"), {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: "node-1",
      labels: {
        "kubernetes.io/hostname": "node-1",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64",
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        disk: "ssd",
      },
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
    },
    spec: {
      taints: [
        { key: "dedicated", effect: "NoExecute" },
        { key: "node.cloudprovider.kubernetes.io/uninitialized", value: "true", effect: "NoSchedule" },
      ],
      providerID: "aws:///i-1",
    },
  });
});

test("withStatus() fills everything in", () => {
  const { status } = full();
  assert.deepEqual(status?.nodeInfo, {
    machineID: MACHINE.machineId,
    systemUUID: MACHINE.systemUuid,
    bootID: MACHINE.bootId,
    kernelVersion: MACHINE.kernelVersion,
    osImage: MACHINE.osImage,
    containerRuntimeVersion: "containerd://2.4.2",
    kubeletVersion: "v1.37.2",
    kubeProxyVersion: "",
    operatingSystem: "linux",
    architecture: "amd64",
    runningInUserNamespace: false,
  });
  assert.deepEqual(status?.daemonEndpoints, { kubeletEndpoint: { Port: 10250 } });
  assert.deepEqual(
    status?.runtimeHandlers?.map(({ name }) => name),
    ["", "runc"],
  );
  assert.deepEqual(status?.features, { supplementalGroupsPolicy: true });
  assert.equal(status?.declaredFeatures, undefined);
  assert.equal(status?.conditions?.at(-1)?.status, "True");
});

test("withStatus() is not ready without a capacity that pods need", () => {
  const ready = full(OPTIONS, { space: undefined }).status?.conditions?.at(-1);
  assert.equal(ready?.message, "missing node capacity for resources: ephemeral-storage");
});

test("withStatus() keeps addresses it can't tell, volumes, and others' fields", () => {
  const before: Node = {
    ...full(),
    status: {
      ...full().status,
      volumesAttached: [{ name: "v", devicePath: "/dev/x" }],
      volumesInUse: ["v"],
      config: { error: "x" },
    },
  };
  const { node } = withStatus(before, { ...FACTS, addresses: undefined }, OPTIONS);
  assert.equal(nodeDiffers(before, node), false);
  assert.equal(nodePatch(before, wired(node)), undefined);
});

test("withStatus() puts the stable labels right and says what the cloud provider shall know", () => {
  const before = { ...full(), metadata: { name: "node-1", labels: { "kubernetes.io/os": "windows" } } };
  const { node } = withStatus(before, { ...FACTS, providedNodeIp: "192.0.2.2" }, OPTIONS);
  assert.deepEqual(nodePatch(before, node), {
    metadata: {
      labels: { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" },
      annotations: { "alpha.kubernetes.io/provided-node-ip": "192.0.2.2" },
    },
  });
  const back = withStatus(node, FACTS, OPTIONS).node;
  assert.deepEqual(nodePatch(node, back), {
    metadata: { annotations: { "alpha.kubernetes.io/provided-node-ip": null } },
  });
});

test("nodePatch() names what changed, conditions by type, addresses as a whole", () => {
  const before = full();
  const facts = {
    now: "2026-01-01T00:05:00Z",
    problems: ["container runtime is down"],
    addresses: [
      { type: "InternalIP", address: "192.0.2.9" },
      { type: "Hostname", address: "node-1" },
    ],
  };
  const after = wired(withStatus(before, { ...FACTS, ...facts }, OPTIONS).node);
  const patch = nodePatch(before, after) as { status: { conditions: { type: string }[]; addresses: unknown[] } };
  assert.deepEqual(Object.keys(patch), ["status"]);
  assert.deepEqual(Object.keys(patch.status).sort(), ["addresses", "conditions"]);
  assert.deepEqual(
    patch.status.conditions.map(({ type }) => type),
    ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"],
  );
  assert.deepEqual(patch.status.addresses, [...facts.addresses, { $patch: "replace" }]);
});

test("nodePatch() removes by null, and takes what the API leaves out for the same", () => {
  const node = (status: Node["status"]): Node => ({ metadata: { name: "n" }, status });
  const before = node({ capacity: { cpu: "1", "hugepages-2Mi": "0" }, images: [] });
  assert.deepEqual(nodePatch(before, node({ capacity: { cpu: "1" } })), {
    status: { capacity: { "hugepages-2Mi": null } },
  });
});

test("reconciledNode() keeps what is others' and zeroes extended resources", () => {
  const existing: Node = {
    metadata: {
      name: "node-1",
      uid: "u",
      labels: { "kubernetes.io/hostname": "old", zone: "a", "beta.kubernetes.io/instance-type": "m1" },
      annotations: { note: "x" },
    },
    spec: { taints: [{ key: "mine", effect: "NoSchedule" }], providerID: "old" },
    status: {
      capacity: { cpu: "1", "example.com/gpu": "2", "hugepages-64Ki": "1Mi" },
      allocatable: { cpu: "1", "example.com/gpu": "2", "hugepages-64Ki": "1Mi" },
    },
  };
  const initial = full({ ...OPTIONS, providerId: "new", labels: { "beta.kubernetes.io/instance-type": "" } });
  const node = reconciledNode(existing, initial);
  assert.deepEqual(nodePatch(existing, node), {
    metadata: {
      labels: {
        "kubernetes.io/hostname": "node-1",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": null,
      },
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
    },
    status: {
      capacity: { "example.com/gpu": "0", "hugepages-64Ki": null, "hugepages-2Mi": "0", "hugepages-1Gi": "0" },
      allocatable: { "example.com/gpu": "0", "hugepages-64Ki": null, "hugepages-2Mi": "0", "hugepages-1Gi": "0" },
    },
  });
  assert.deepEqual(node.spec, existing.spec);
});

test("reconciledNode() takes the annotation away when the node attaches by itself", () => {
  const before = full();
  const node = reconciledNode(before, full({ ...OPTIONS, attachDetachByController: false }));
  assert.deepEqual(nodePatch(before, node), {
    metadata: { annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": null } },
  });
});

test("statusImages() tells the largest first, five names each", () => {
  const image = (id: string, size: number, repoTags: string[], repoDigests: string[] = []) => ({
    ...{ id, size, repoTags, repoDigests },
    uid: undefined,
    username: "",
    pinned: false,
  });
  const images = [
    image("a", 10, ["a:1"]),
    image("b", 30, ["b:1", "b:2", "b:3"], ["b@1", "b@2", "b@3"]),
    image("c", 10, ["c:1"]),
  ];
  assert.deepEqual(statusImages(images, 2), [
    { names: ["b@1", "b@2", "b@3", "b:1", "b:2"], sizeBytes: 30 },
    { names: ["c:1"], sizeBytes: 10 },
  ]);
  assert.equal(statusImages(images, -1).length, 3);
  assert.deepEqual(statusImages(images, 0), []);
});

const versions: readonly (readonly [given: string, told: string])[] = [
  ["v2.4.2", "2.4.2"],
  ["2.4.2-rc.1", "2.4.2-rc.1"],
  ["1.6.20~ds1", "1.6.20"],
  ["1.7", "1.7"],
  ["", "Unknown"],
  ["dev", "Unknown"],
];
for (const [given, told] of versions)
  test(`plainVersion() of "${given}" is ${told}`, () => assert.equal(plainVersion(given), told));
