/** The cluster that the other tests stand on, proved with the kubelet in Go: what fails here is the harness, not our kubelet. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { ApiError } from "../../scripts/lib/cluster/api-client.ts";
import { ControlPlane } from "../../scripts/lib/cluster/control-plane.ts";
import { leaks, type MachineState, machineState } from "../../scripts/lib/leaks.ts";
import { TestCluster } from "../support/cluster.ts";
import { LISTENING, ONCE_UP } from "../support/cluster-pods.ts";
import { ownNetwork, shellPod } from "../support/kubelet.ts";
import { Scratch } from "../support/scratch.ts";

const { address } = await ownNetwork();
const NODES = "/api/v1/nodes";

describe("a cluster with the Go kubelet", () => {
  let before_: MachineState;
  let cluster: TestCluster;
  let names: readonly string[];

  before(async () => {
    before_ = machineState();
    cluster = await TestCluster.start({ kubelet: "go" });
    names = [cluster.scratch.name];
  });

  after(async () => {
    await cluster[Symbol.asyncDispose]();
    assert.deepEqual(leaks(before_, machineState(), names), []);
  });

  test("runs a pod; kubectl shows its log and runs a command in it", async () => {
    await cluster.createPod(shellPod("one", `echo hello from one; ${LISTENING}`, ONCE_UP));
    const { status } = await cluster.waitReady("one");
    assert.match(status?.podIP ?? "", /^10\.244\.0\./);
    assert.equal(status?.hostIP, address);
    assert.equal(await cluster.kubectl("logs", "one"), "hello from one\n");
    assert.equal(await cluster.kubectl("exec", "one", "--", "sh", "-c", "echo from inside"), "from inside\n");
    await cluster.kubectl("delete", "pod", "one");
    assert.equal(await cluster.pod("one"), undefined);
  });

  test("gives the node a pod range of the cluster's, and only its own object to change", async () => {
    const node = await cluster.api.get(`${NODES}/node`);
    assert.equal(node.spec.podCIDR, "10.244.0.0/24");
    assert.deepEqual(
      node.status.addresses.filter(({ type }: { type: string }) => type === "InternalIP"),
      [{ type: "InternalIP", address }],
    );
    const asNode = (...args: readonly string[]) =>
      cluster.tryKubectl([`--kubeconfig=${cluster.plane.folder}/kubelet-node.conf`, ...args]);
    const other = await asNode("label", "node", "other", "a=b");
    assert.match(other.stderr, /Forbidden|forbidden|NotFound/);
    const role = await asNode("label", "node", "node", "node-role.kubernetes.io/control-plane=");
    assert.match(role.stderr, /is not allowed to modify labels/);
    const own = await asNode("label", "node", "node", "own=label");
    assert.equal(own.code, 0, own.stderr);
  });

  test("a second node joins with the bootstrap token and gets its certificate", async () => {
    const node = await cluster.addNode({ identity: "bootstrap" });
    assert.equal(node.name, "node-1");
    const current = readFileSync(`${node.places.root}/pki/kubelet-client-current.pem`, "utf8");
    assert.match(new X509Certificate(current).subject, /CN=system:node:node-1/);
    const requests = await cluster.api.list("/apis/certificates.k8s.io/v1/certificatesigningrequests");
    assert.ok(requests.some(({ spec }) => spec.signerName === "kubernetes.io/kube-apiserver-client-kubelet"));
  });

  test("an API server that is held still answers again when it is let go", async () => {
    cluster.plane.apiServer.pause();
    const held = cluster.api.get("/readyz?verbose").catch((error: unknown) => error);
    cluster.plane.apiServer.resume();
    // Text, not JSON: that it came is what counts.
    assert.ok((await held) instanceof SyntaxError);
  });

  test("waiting by watch lives through a restart of the API server on the same port", async () => {
    const collection = "/api/v1/namespaces/default/configmaps";
    const seen = cluster.until(collection, "late", (object) => object?.data?.state === "there");
    await cluster.plane.apiServer.restart();
    await cluster.api.create(collection, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "late" },
      data: { state: "there" },
    });
    assert.equal((await seen)?.metadata.name, "late");
    await assert.rejects(cluster.api.get(`${collection}/nothing`), (error: ApiError) => error.status === 404);
  });
});

describe("a control plane that cannot start", () => {
  test("tells which program failed with the end of its log, and leaves nothing", async () => {
    const before_ = machineState();
    await using scratch = new Scratch("cluster");
    const options = { folder: scratch.path("plane"), address, apiServerArgs: ["--no-such-flag"] };
    await assert.rejects(
      ControlPlane.start(options),
      /kube-apiserver ended with exit code 1\n.*kube-apiserver\.log[\s\S]*unknown flag: --no-such-flag/,
    );
    const left = leaks(before_, machineState(), [scratch.name]).filter((line) => line !== `file ${scratch.folder}`);
    assert.deepEqual(left, []);
  });
});
