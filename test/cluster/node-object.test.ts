/** What the cluster knows of a node: the Node object, its lease, its CSINode, side by side with what the Go kubelet writes on the same machine. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CSINode, Lease, Node } from "../../src/model/kubernetes.ts";
import { TestCluster } from "../support/cluster.ts";
import type { ClusterNode } from "../support/cluster-node.ts";
import { ownNetwork, STAY, shellPod } from "../support/kubelet.ts";

await ownNetwork();

const NODES = "/api/v1/nodes";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const CSI_NODES = "/apis/storage.k8s.io/v1/csinodes";

/** Features that the Go kubelet has and this one does not have yet: see src/registration/declared-features.ts. */
const NOT_YET = [
  "InPlacePodLevelResourcesVerticalScaling",
  "InPlacePodVerticalScalingInitContainers",
  "RestartAllContainersOnContainerExits",
];
/** What differs between any two nodes, or by the hour. */
const PRIVATE =
  /^(uid|resourceVersion|creationTimestamp|managedFields|lastHeartbeatTime|lastTransitionTime|renewTime)$/;

/** The object as it would be on a node of any name. */
function anonymous(object: object | undefined, { name, places }: ClusterNode): unknown {
  assert.ok(object);
  const text = JSON.stringify(object, (key, value) => (PRIVATE.test(key) ? undefined : value));
  return JSON.parse(text.replaceAll(`"${name}"`, '"NAME"').replaceAll(`"Port":${places.port}`, '"Port":0'));
}

describe("the Node object", () => {
  let cluster: TestCluster;
  let ours: ClusterNode;

  before(async () => {
    cluster = await TestCluster.start({ kubelet: "ours", name: "ts-node" });
    ours = cluster.node;
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const nodeOf = async (name: string): Promise<Node> => await cluster.api.get<Node>(`${NODES}/${name}`);
  const readyOf = ({ status }: Node) => status?.conditions?.find(({ type }) => type === "Ready");
  /** The Go kubelet makes its lease ten seconds after its start. */
  const leaseOf = async (name: string): Promise<Lease> => {
    await cluster.until<Lease>(LEASES, name, (lease) => lease !== undefined);
    return await cluster.api.get<Lease>(`${LEASES}/${name}`);
  };

  describe("beside the Go kubelet's", () => {
    let theirs: ClusterNode;
    before(async () => {
      theirs = await cluster.addNode({ kubelet: "go", name: "go-node" });
      // The controllers' part of a new node comes when they have seen it.
      const isSettled = (node: Node | undefined) =>
        node?.metadata?.annotations?.["node.alpha.kubernetes.io/ttl"] !== undefined && !node.spec?.taints?.length;
      for (const { name } of [ours, theirs]) await cluster.until<Node>(NODES, name, isSettled);
    });

    test("has the same fields with the same values", async () => {
      const mine = await nodeOf(ours.name);
      const other = await nodeOf(theirs.name);
      const { spec: _ours, status: { declaredFeatures = [], ...status } = {}, ...rest } = mine;
      const { spec: _theirs, status: { declaredFeatures: declared = [], ...otherStatus } = {}, ...otherRest } = other;
      assert.deepEqual(anonymous({ ...rest, status }, ours), anonymous({ ...otherRest, status: otherStatus }, theirs));
      const missing = declared.filter(
        (name) => !declaredFeatures.includes(name) && name !== "ExtendWebSocketsToKubelet",
      );
      assert.deepEqual(missing, NOT_YET);
      assert.deepEqual(
        declaredFeatures.filter((name) => !declared.includes(name)),
        [],
      );
    });

    test("has its order of conditions and addresses", async () => {
      const mine = await nodeOf(ours.name);
      const types = (node: Node) => [
        node.status?.conditions?.map(({ type }) => type),
        node.status?.addresses?.map(({ type }) => type),
      ];
      assert.deepEqual(types(mine), types(await nodeOf(theirs.name)));
    });

    test("has a lease and a CSINode of the same shape", async () => {
      assert.deepEqual(anonymous(await leaseOf(ours.name), ours), anonymous(await leaseOf(theirs.name), theirs));
      const csiNode = async (node: ClusterNode) =>
        anonymous(await cluster.until<CSINode>(CSI_NODES, node.name, (found) => found !== undefined), node);
      assert.deepEqual(await csiNode(ours), await csiNode(theirs));
    });

    test("reads the same in kubectl describe", async () => {
      const read = async ({ name }: ClusterNode) => {
        const text = await cluster.kubectl("describe", "node", name);
        return text
          .replace(/\nEvents:[\s\S]*$/, "\n")
          .replaceAll(name, "NAME")
          .replaceAll(/\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000/g, "TIME")
          .replaceAll(/10\.244\.\d+\.0/g, "RANGE");
      };
      assert.equal(await read(ours), await read(theirs));
    });
  });

  test("is owned up to: lease and CSINode belong to it", async () => {
    const { metadata } = await nodeOf(ours.name);
    const lease = await leaseOf(ours.name);
    const csiNode = await cluster.api.find<CSINode>(`${CSI_NODES}/${ours.name}`);
    for (const object of [lease, csiNode])
      assert.deepEqual(
        object?.metadata?.ownerReferences?.map(({ uid }) => uid),
        [metadata?.uid],
      );
  });

  test("stays ready over a kill of the kubelet", async () => {
    const before = readyOf(await nodeOf(ours.name));
    const lease = await leaseOf(ours.name);
    await ours.kubelet.kill();
    await ours.start();
    // The first beat of the new kubelet comes after its first status.
    await cluster.until<Lease>(LEASES, ours.name, (now) => now?.spec?.renewTime !== lease.spec?.renewTime);
    await cluster.until<Node>(
      NODES,
      ours.name,
      (node) => node !== undefined && readyOf(node)?.lastHeartbeatTime !== before?.lastHeartbeatTime,
    );
    assert.deepEqual(
      { ...readyOf(await nodeOf(ours.name)), lastHeartbeatTime: "" },
      { ...before, lastHeartbeatTime: "" },
    );
  });

  test("comes back when somebody deletes it, with lease and CSINode of its own", async () => {
    const before = (await nodeOf(ours.name)).metadata?.uid;
    await cluster.api.delete(`${NODES}/${ours.name}`);
    const node = await cluster.until<Node>(
      NODES,
      ours.name,
      (found) => found !== undefined && found.metadata?.uid !== before && readyOf(found)?.status === "True",
    );
    const isOwned = (object: Lease | CSINode | undefined) =>
      object?.metadata?.ownerReferences?.some(({ uid }) => uid === node?.metadata?.uid) === true;
    await cluster.until<CSINode>(CSI_NODES, ours.name, isOwned);
    await cluster.until<Lease>(LEASES, ours.name, isOwned);
  });

  test("gets what the options say at its registration, and keeps what others wrote after", async () => {
    const node = await cluster.addNode({
      kubelet: "ours",
      name: "optioned",
      started: false,
      config: { registerWithTaints: [{ key: "dedicated", value: "x", effect: "NoSchedule" }], maxPods: 7 },
      args: ["--node-labels=disk=ssd,topology.kubernetes.io/zone=a", "--provider-id=test://1"],
    });
    await node.start();
    const { name } = node;
    const { metadata, spec, status } = await nodeOf(name);
    assert.equal(metadata?.labels?.disk, "ssd");
    assert.equal(metadata?.labels?.["topology.kubernetes.io/zone"], "a");
    assert.equal(spec?.providerID, "test://1");
    assert.ok(spec?.taints?.some(({ key, value }) => key === "dedicated" && value === "x"));
    assert.equal(status?.capacity?.pods, "7");
    await node.kubelet.stop();
    await cluster.kubectl(
      "label",
      "node",
      name,
      "disk=hdd",
      "mine=yes",
      "topology.kubernetes.io/zone=b",
      "--overwrite",
    );
    await cluster.kubectl("taint", "node", name, "dedicated-");
    await cluster.kubectl("cordon", name);
    await node.start();
    // A default label is the kubelet's; that it is right again tells that the node was registered again.
    await cluster.until<Node>(NODES, name, (found) => found?.metadata?.labels?.["topology.kubernetes.io/zone"] === "a");
    const after = await nodeOf(name);
    assert.equal(after.metadata?.labels?.disk, "hdd");
    assert.equal(after.metadata?.labels?.mine, "yes");
    assert.equal(after.spec?.unschedulable, true);
    assert.ok(!after.spec?.taints?.some(({ key }) => key === "dedicated"));
    await node.kubelet.stop();
  });

  test("gives the embedded runtime its range of pod addresses", async () => {
    const node = await cluster.addNode({ kubelet: "ours", name: "embedded", runtime: "embedded 2.4" });
    const podCidr = (await nodeOf(node.name)).spec?.podCIDR ?? "";
    assert.match(podCidr, /^10\.244\.\d+\.0\/24$/);
    const pod = shellPod("ranged", STAY);
    await cluster.createPod({
      ...pod,
      spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: node.name },
    });
    const { status } = await cluster.waitReady("ranged");
    assert.ok(status?.podIP?.startsWith(podCidr.replace("0/24", "")), `${status?.podIP} in ${podCidr}`);
    await node.kubelet.stop();
  });
});
