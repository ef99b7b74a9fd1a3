/** A real kubeadm starts our kubelet as the first node's: its files, its restart through systemctl, its health check, and static pods of a control plane. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildRelease } from "../../scripts/build.ts";
import { controlPlaneBinaries } from "../../scripts/lib/cluster/binaries.ts";
import { busyboxImage, imageArchive, programEntries } from "../../scripts/lib/images.ts";
import { VM_ADDRESS } from "../../scripts/lib/vm/image-files.ts";
import { bootVm } from "../../scripts/lib/vm/vm.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { Scratch } from "../support/scratch.ts";
import { PATIENCE_MS, podsOf, readyPod, stepsOf, tasksOf, unitProperty } from "./support.ts";

/** An emulated API server on a busy machine. */
const LONG_MS = 480_000;
const patient = { timeout: PATIENCE_MS };

const CONFIG = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: { advertiseAddress: ${VM_ADDRESS} }
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs: [{ name: node-labels, value: from=kubeadm }]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.37.2
encryptionAlgorithm: ECDSA-P256
etcd: { local: { extraArgs: [{ name: unsafe-no-fsync, value: "true" }] } }
`;

/** An image under the name that kubeadm's manifest asks for. */
async function programImage(scratch: Scratch, program: string, name: string, reference: string): Promise<string> {
  const image = await busyboxImage({}, await programEntries(program, `usr/local/bin/${name}`), { compress: false });
  const file = scratch.path(`${name}.tar`);
  writeFileSync(file, await imageArchive(image, reference));
  return file;
}

test("kubeadm init", async (t) => {
  await using scratch = new Scratch("vm-kubeadm");
  const { deb } = await buildRelease(process.env.KUBELET_TS_DIST);
  const binaries = await controlPlaneBinaries();
  const kubeadm = join(await ensureTool("kubeadm"), "kubeadm");
  await using vm = await bootVm({
    files: {
      "kubelet.deb": deb,
      kubeadm,
      "etcd.tar": await programImage(scratch, binaries.etcd, "etcd", "registry.k8s.io/etcd:3.7.0-0"),
      "kube-apiserver.tar": await programImage(
        scratch,
        binaries["kube-apiserver"],
        "kube-apiserver",
        "registry.k8s.io/kube-apiserver:v1.37.2",
      ),
    },
  });
  const step = stepsOf(t, vm);
  const phase = async (words: string) =>
    await vm.run(`/share/kubeadm init phase ${words} --config /root/kubeadm.yaml`, patient);
  await vm.write("/root/kubeadm.yaml", CONFIG);

  await step("kubelet-start writes its files and starts our kubelet", async () => {
    await vm.run("dpkg --install /share/kubelet.deb", patient);
    await phase("certs all");
    await phase("kubeconfig all");
    const said = await phase("kubelet-start");
    assert.match(said, /Starting the kubelet/);
    assert.equal(await unitProperty(vm, "ActiveState"), "active");
    for (const file of ["config.yaml", "kubeadm-flags.env", "instance-config.yaml"])
      await vm.run(`test -s /var/lib/kubelet/${file}`);
    const flags = /KUBELET_KUBEADM_ARGS="(.*)"/.exec(await vm.read("/var/lib/kubelet/kubeadm-flags.env"))?.[1] ?? "";
    assert.match(flags, /--node-labels=from=kubeadm/);
    const processes = await vm.run("ps -eo args");
    const line = processes.split("\n").find((one) => one.startsWith("/usr/bin/kubelet "));
    assert.equal(
      line,
      `/usr/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml ${flags}`,
    );
  });

  await step("it answers kubeadm's health check", async () => {
    await vm.until("the kubelet's health", "curl -sSf http://127.0.0.1:10248/healthz", PATIENCE_MS);
  });

  await step("the control plane's static pods run: etcd and an API server that is ready", async () => {
    // The pods wait for their images, as on a machine with a slow registry.
    await phase("etcd local");
    await phase("control-plane apiserver");
    const started = performance.now();
    for (const name of ["etcd", "kube-apiserver"])
      await vm.run(`ctr -n k8s.io images import /share/${name}.tar`, { timeout: LONG_MS });
    const imported = performance.now();
    await readyPod(vm, "etcd", LONG_MS);
    const readyz = `curl -sSf --cacert /etc/kubernetes/pki/ca.crt --max-time 30 https://${VM_ADDRESS}:6443/readyz`;
    await vm.until("the API server to be ready", readyz, LONG_MS);
    const ready = performance.now();
    t.diagnostic(`images ${Math.round(imported - started)} ms, ready after another ${Math.round(ready - imported)} ms`);
    const names = (await podsOf(vm)).map(({ metadata }) => metadata?.name).sort();
    assert.deepEqual(names, ["etcd-vm", "kube-apiserver-vm"]);
  });

  await step("the node registers with it", async () => {
    const pem = "client-\\(certificate\\|key\\)-data: ";
    await vm.run(
      `sed -n 's/.*${pem}//p' /etc/kubernetes/super-admin.conf | while read -r data; do echo $data | base64 -d; done > /root/admin.pem`,
    );
    const url = `https://${VM_ADDRESS}:6443/api/v1/nodes/vm`;
    const ask = `curl -sSf --max-time 60 --cacert /etc/kubernetes/pki/ca.crt --cert /root/admin.pem ${url}`;
    const node = await vm.until("the node to register", ask, LONG_MS);
    assert.equal(JSON.parse(node).metadata.labels.from, "kubeadm");
  });

  await step("kubeadm restarts the kubelet, and the control plane runs on", async () => {
    const before = await tasksOf(vm);
    const pid = await unitProperty(vm, "MainPID");
    await phase("kubelet-start");
    assert.notEqual(await unitProperty(vm, "MainPID"), pid);
    assert.deepEqual(await tasksOf(vm), before);
  });
});
