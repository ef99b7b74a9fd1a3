/** A real kubeadm joins the machine to a cluster, whose control plane runs beside it: bootstrap token to client certificate, and pods. */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildRelease } from "../../scripts/build.ts";
import type { AnyObject } from "../../scripts/lib/cluster/api-client.ts";
import { ControlPlane } from "../../scripts/lib/cluster/control-plane.ts";
import { newBootstrapToken } from "../../scripts/lib/cluster/first-objects.ts";
import { run } from "../../scripts/lib/run.ts";
import { connectVm, GUEST_ADDRESS } from "../../scripts/lib/vm/connect.ts";
import { BUSYBOX_IMAGE } from "../../scripts/lib/vm/image-files.ts";
import { bootVm } from "../../scripts/lib/vm/vm.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { ownNetwork } from "../support/kubelet.ts";
import { Scratch } from "../support/scratch.ts";
import { PATIENCE_MS, stepsOf, unitProperty } from "./support.ts";

const patient = { timeout: PATIENCE_MS };

test("kubeadm join", async (t) => {
  const { address } = await ownNetwork();
  // Where the API server finds the node: qemu listens there for it.
  await run("ip", ["address", "add", `${GUEST_ADDRESS}/32`, "dev", "lo"]);
  // From another address than the machine's own, which it would not answer.
  const route = ["local", `${GUEST_ADDRESS}/32`, "dev", "lo", "table", "local", "src", address];
  await run("ip", ["route", "replace", ...route]);
  await using scratch = new Scratch("vm-join");
  const { deb } = await buildRelease(process.env.KUBELET_TS_DIST);
  const kubeadm = join(await ensureTool("kubeadm"), "kubeadm");
  await using plane = await ControlPlane.start({ folder: scratch.path("plane"), address });
  const token = newBootstrapToken();
  const endpoint = `${address}:6443`;

  // What `kubeadm init` would have left in this cluster.
  writeFileSync(
    scratch.path("init.yaml"),
    `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{ token: ${token}, ttl: 1h0m0s }]
localAPIEndpoint: { advertiseAddress: ${address} }
nodeRegistration: { name: first, criSocket: unix:///run/containerd/containerd.sock }
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.37.2
controlPlaneEndpoint: ${endpoint}
`,
  );
  for (const phase of ["bootstrap-token", "upload-config all"])
    await run(kubeadm, [
      "init",
      "phase",
      ...phase.split(" "),
      "--config",
      scratch.path("init.yaml"),
      "--kubeconfig",
      plane.adminKubeconfig,
    ]);
  const ca = new X509Certificate(readFileSync(plane.pki.path("ca.crt")));
  const hash = createHash("sha256")
    .update(ca.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");

  await using vm = await bootVm({ files: { "kubelet.deb": deb, kubeadm } });
  const step = stepsOf(t, vm);
  await connectVm(vm, [10250]);
  await vm.write(
    "/root/join.yaml",
    `apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken: { token: ${token}, apiServerEndpoint: "${endpoint}", caCertHashes: ["sha256:${hash}"] }
nodeRegistration: { criSocket: unix:///run/containerd/containerd.sock }
`,
  );
  await step("kubelet-start and the wait for the bootstrap end well", async () => {
    await vm.run("dpkg --install /share/kubelet.deb", patient);
    // Its phases after the first: kubelet-start, kubelet-wait-bootstrap. The second can't be called alone: kubeadm then asks for an admin.conf.
    const said = await vm.run("/share/kubeadm join --skip-phases=preflight --config /root/join.yaml", patient);
    assert.match(said, /This node has joined the cluster/);
    assert.equal(await unitProperty(vm, "ActiveState"), "active");
  });

  await step("the token has become a client certificate, in the places that kubeadm knows", async () => {
    const config = await vm.read("/etc/kubernetes/kubelet.conf");
    assert.match(config, /client-certificate: \/var\/lib\/kubelet\/pki\/kubelet-client-current\.pem/);
    assert.match(config, /client-key: \/var\/lib\/kubelet\/pki\/kubelet-client-current\.pem/);
    assert.doesNotMatch(config, new RegExp(token.split(".")[1] ?? ""));
    const real = await vm.run("readlink -f /var/lib/kubelet/pki/kubelet-client-current.pem");
    assert.match(real, /^\/var\/lib\/kubelet\/pki\/kubelet-client-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\.pem\n$/);
    const pem = await vm.read("/var/lib/kubelet/pki/kubelet-client-current.pem");
    assert.match(new X509Certificate(pem).subject, /O=system:nodes\nCN=system:node:vm/);
    assert.equal((await vm.run("stat -c %a /var/lib/kubelet/pki/kubelet-client-current.pem -L")).trim(), "600");
    // kubeadm takes the token away when it has served.
    await vm.run("test ! -e /etc/kubernetes/bootstrap-kubelet.conf");
  });

  await step("the node is ready in the cluster", async () => {
    const isReady = (node: AnyObject | undefined) =>
      node?.status?.conditions?.some(({ type, status }: AnyObject) => type === "Ready" && status === "True") ?? false;
    const node = await plane.api.until({ collection: "/api/v1/nodes", name: "vm" }, isReady, {
      timeoutMs: PATIENCE_MS,
    });
    assert.equal(node?.status.nodeInfo.kubeletVersion, "v1.37.2");
  });

  await step("a pod runs on it, and its log and a command in it come back", async () => {
    const command = ["sh", "-c", "echo from the machine; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"];
    const container = { name: "main", image: BUSYBOX_IMAGE, command };
    await plane.api.create("/api/v1/namespaces/default/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web" },
      spec: { containers: [container], terminationGracePeriodSeconds: 5 },
    });
    const collection = "/api/v1/namespaces/default/pods";
    const running = (pod: AnyObject | undefined) => pod?.status?.phase === "Running";
    await plane.api.until({ collection, name: "web" }, running, { timeoutMs: PATIENCE_MS });
    const log = await waitFor("the pod's log", async () => await plane.kubectl("logs", "web"), patient);
    assert.equal(log, "from the machine\n");
    assert.equal(await plane.kubectl("exec", "web", "--", "cat", "/etc/hostname"), "web\n");
  });
});
