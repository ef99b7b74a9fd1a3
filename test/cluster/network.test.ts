/** Pods reach each other by address, by Service (a real kube-proxy) and by name (a real CoreDNS). CLUSTER_KUBELET=go runs the same on the Go kubelet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AnyObject } from "../../scripts/lib/cluster/api-client.ts";
import { run } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { TestCluster } from "../support/cluster.ts";
import { exec, startedOnce } from "../support/cluster-pods.ts";
import { ownNetwork, STAY, shellPod } from "../support/kubelet.ts";

await ownNetwork();

const SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const PATIENCE = { timeout: 120_000 };
/** Answers with its own name on port 8080, for as long as /tmp/ready is there. */
const SERVER = "mkdir /tmp/www; hostname > /tmp/www/index.html; touch /tmp/ready; exec httpd -f -p 8080 -h /tmp/www";

describe("the network of a cluster", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start({ addOns: true });
    const readinessProbe = { ...exec("test -e /tmp/ready"), periodSeconds: 1, failureThreshold: 1 };
    const serves = startedOnce("wget -qO /dev/null http://127.0.0.1:8080");
    const spec = { terminationGracePeriodSeconds: 0, subdomain: "direct" };
    for (const name of ["a", "b"])
      await cluster.createPod(
        shellPod(name, SERVER, { ...serves, readinessProbe }, { ...spec, hostname: name }, { labels: { app: "web" } }),
      );
    await cluster.createPod(shellPod("client", STAY));
    const ports = [{ name: "http", port: 80, targetPort: 8080 }];
    const selector = { app: "web" };
    await cluster.apply(
      { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: { type: "NodePort", selector, ports } },
      { apiVersion: "v1", kind: "Service", metadata: { name: "direct" }, spec: { clusterIP: "None", selector, ports } },
    );
    for (const name of ["a", "b", "client"]) await cluster.waitReady(name);
    await readyEndpoints(2);
  });

  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const inClient = async (line: string): Promise<string> =>
    await cluster.kubectl("exec", "client", "--", "sh", "-c", line);

  /** Waits until the Service's slices have so many ready endpoints, and until kube-proxy has heard of it. */
  const readyEndpoints = async (count: number): Promise<void> => {
    const counted = (slice: AnyObject) =>
      slice.endpoints?.filter((one: AnyObject) => one.conditions.ready).length === count;
    const slices = async () => await cluster.api.list(`${SLICES}?labelSelector=kubernetes.io%2Fservice-name%3Dweb`);
    await waitFor(`${count} ready endpoints`, async () => (await slices()).some(counted), PATIENCE);
  };

  /** The names that answer, in `tries` requests one after another. */
  const answers = async (url: string, tries = 20): Promise<readonly string[]> => {
    const line = `for i in $(seq ${tries}); do wget -qO- ${url} || echo none; done`;
    return [...new Set((await inClient(line)).trim().split("\n"))].sort();
  };

  const untilAnswer = (url: string, names: string) =>
    waitFor(`${names} to answer for ${url}`, async () => (await answers(url)).join() === names, PATIENCE);

  test("pod to pod, and pod to itself, by address", async () => {
    const a = (await cluster.pod("a"))?.status?.podIP ?? "";
    const b = (await cluster.pod("b"))?.status?.podIP ?? "";
    assert.deepEqual(await answers(`http://${a}:8080`, 1), ["a"]);
    assert.equal(await cluster.kubectl("exec", "a", "--", "wget", "-qO-", `http://${b}:8080`), "b\n");
    assert.equal(await cluster.kubectl("exec", "a", "--", "wget", "-qO-", `http://${a}:8080`), "a\n");
    // And the node reaches its pods.
    assert.equal(await run("curl", ["-fsS", `http://${a}:8080`]), "a\n");
  });

  test("a Service by its name, its full name and its address, spread over its pods", async () => {
    const { clusterIP } = (await cluster.api.get("/api/v1/namespaces/default/services/web")).spec;
    for (const host of ["web", "web.default.svc.cluster.local", clusterIP]) await untilAnswer(`http://${host}`, "a,b");
    // A pod is reached through a Service that it is part of.
    const self = await cluster.kubectl(
      "exec",
      "a",
      "--",
      "sh",
      "-c",
      "for i in $(seq 20); do wget -qO- http://web; done",
    );
    assert.deepEqual([...new Set(self.trim().split("\n"))].sort(), ["a", "b"]);
  });

  test("a Service by the node's port, from the node", async () => {
    const [{ nodePort }] = (await cluster.api.get("/api/v1/namespaces/default/services/web")).spec.ports;
    assert.match(await run("curl", ["-fsS", "-m", "60", `http://${cluster.address}:${nodePort}`]), /^[ab]\n$/);
  });

  test("DNS knows headless pods, search domains and the API server; the pod's own name is in its hosts", async () => {
    const a = (await cluster.pod("a"))?.status?.podIP ?? "";
    const isKnown = async () =>
      (await inClient("nslookup a.direct.default.svc.cluster.local")).includes(`Address: ${a}`);
    await waitFor("CoreDNS to have heard of a", isKnown, PATIENCE);
    assert.match(await inClient("nslookup kubernetes.default.svc.cluster.local"), /Address: 10\.96\.0\.1\b/);
    assert.match(
      await inClient("cat /etc/resolv.conf"),
      /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local\nnameserver 10\.96\.0\.10\noptions ndots:5/,
    );
    assert.match(
      await cluster.kubectl("exec", "a", "--", "cat", "/etc/hosts"),
      new RegExp(`^${a}\\ta\\.direct\\..*\\ta$`, "m"),
    );
  });

  test("a pod that is not ready gets no traffic, and gets it again when it is", async () => {
    await cluster.kubectl("exec", "b", "--", "rm", "/tmp/ready");
    await readyEndpoints(1);
    await untilAnswer("http://web", "a");
    await cluster.kubectl("exec", "b", "--", "touch", "/tmp/ready");
    await readyEndpoints(2);
    await untilAnswer("http://web", "a,b");
  });

  test("a pod that is deleted leaves its Service, and its address can be used again", async () => {
    await cluster.kubectl("delete", "pod", "b");
    await readyEndpoints(1);
    await untilAnswer("http://web", "a");
  });
});
