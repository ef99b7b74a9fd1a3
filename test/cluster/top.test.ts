/** `kubectl top` through a real metrics-server, which reads `/metrics/resource` with a token that we have checked. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Program } from "../../scripts/lib/cluster/program.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { TestCluster } from "../support/cluster.ts";
import { STAY, shellPod } from "../support/kubelet.ts";

const PORT = 4443;
const SERVICE = { metadata: { name: "metrics-server", namespace: "kube-system" } };

test("kubectl top shows nodes and pods, and /stats/summary the same pods", async () => {
  await using cluster = await TestCluster.start();
  const { plane, scratch } = cluster;
  // With a request: without, it would get next to nothing of a machine that has other work.
  await cluster.createPod(shellPod("busy", "while :; do :; done", { resources: { requests: { cpu: "500m" } } }));
  await cluster.createPod(shellPod("idle", STAY));
  await Promise.all([cluster.waitReady("busy"), cluster.waitReady("idle")]);
  await cluster.apply(
    {
      ...{ apiVersion: "v1", kind: "Service", ...SERVICE },
      spec: { ports: [{ name: "https", port: PORT }] },
    },
    {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
      metadata: { ...SERVICE.metadata, labels: { "kubernetes.io/service-name": SERVICE.metadata.name } },
      endpoints: [{ addresses: [cluster.address] }],
      ports: [{ name: "https", port: PORT }],
    },
    {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: "v1beta1.metrics.k8s.io" },
      spec: {
        ...{ group: "metrics.k8s.io", version: "v1beta1", insecureSkipTLSVerify: true },
        ...{ groupPriorityMinimum: 100, versionPriority: 100 },
        service: { name: SERVICE.metadata.name, namespace: SERVICE.metadata.namespace, port: PORT },
      },
    },
  );
  await using _server = await startMetricsServer(plane, scratch.path("ms"));
  const top = await waitFor(
    "numbers",
    async () => {
      const pods = await cluster.tryKubectl(["top", "pods", "--no-headers"]);
      return pods.code === 0 && /busy/.test(pods.stdout) && /idle/.test(pods.stdout) && pods.stdout;
    },
    {
      timeout: 120_000,
      interval: 1000,
      explain: async () => {
        const { status } = await cluster.api.get("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io");
        return `${JSON.stringify(status)}\n${readFileSync(logOf(plane), "utf8").slice(-4000)}`;
      },
    },
  );
  const cpu = (name: string) => Number(new RegExp(`^${name}\\s+(\\d+)m\\s+\\d+Mi`, "m").exec(top)?.[1]);
  assert.ok(cpu("busy") > 50, top);
  assert.ok(cpu("idle") < 20, top);
  assert.match(await cluster.kubectl("top", "nodes", "--no-headers"), /^node\s+[1-9]\d*m\s+\d+%\s+[1-9]\d*Mi\s+\d+%/);

  const summary = JSON.parse(await cluster.kubectl("get", "--raw", "/api/v1/nodes/node/proxy/stats/summary"));
  const pod = summary.pods.find(({ podRef }: { podRef: { name: string } }) => podRef.name === "busy");
  assert.ok(pod.cpu.usageNanoCores > 50e6 || pod.cpu.usageNanoCores === undefined, JSON.stringify(pod.cpu));
  assert.ok(pod.cpu.usageCoreNanoSeconds > 1e9 && pod.memory.workingSetBytes > 0);
  assert.deepEqual(
    pod.containers.map(({ name }: { name: string }) => name),
    ["main"],
  );
  assert.ok(pod.network.interfaces.some(({ name }: { name: string }) => name === "eth0"));
  assert.equal(summary.node.nodeName, "node");
  assert.ok(summary.node.fs.capacityBytes > summary.node.fs.availableBytes);
  assert.ok(summary.node.runtime.imageFs.usedBytes > 0 && summary.node.rlimit.curproc > 1);
});

const logOf = ({ folder }: TestCluster["plane"]): string => join(folder, "logs", "metrics-server.log");

async function startMetricsServer(plane: TestCluster["plane"], folder: string): Promise<AsyncDisposable> {
  const ca = plane.pki.path("ca.crt");
  assert.ok(new X509Certificate(readFileSync(ca)).ca);
  const kubeconfig = plane.adminKubeconfig;
  const program = new Program({
    name: "metrics-server",
    file: join(await ensureTool("metrics-server"), "metrics-server"),
    args: [
      ...[
        `--kubeconfig=${kubeconfig}`,
        `--authentication-kubeconfig=${kubeconfig}`,
        `--authorization-kubeconfig=${kubeconfig}`,
      ],
      ...[`--secure-port=${PORT}`, `--cert-dir=${folder}`, "--kubelet-use-node-status-port"],
      ...["--kubelet-preferred-address-types=InternalIP", `--kubelet-certificate-authority=${ca}`],
      ...["--metric-resolution=10s", "--kubelet-request-timeout=5s"],
    ],
    log: logOf(plane),
    isReady: async () => true,
  });
  await program.start();
  return { [Symbol.asyncDispose]: async () => program.kill() };
}
