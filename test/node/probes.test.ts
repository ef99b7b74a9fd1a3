/** Probes of static pods on a node of its own: in and out of service, killed and started again, and what a person is told. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { containerOf, isReady, ownNetwork, STAY, shellPod, TestNode } from "../support/kubelet.ts";

/** Seconds for a probe whose time is not what the test is about: an exec on a busy machine may take more than the default, one. */
const AMPLE = 20;

describe("probes on a node of its own", { concurrency: true }, () => {
  let node: TestNode;
  before(async () => {
    await ownNetwork();
    node = await TestNode.start({ runtime: { release: "2.4" } });
  });
  after(async () => {
    await node?.[Symbol.asyncDispose]();
  });

  test("a command says whether a container is ready, and describe says why not", async () => {
    const command = ["sh", "-c", "ls /tmp/ready || exit 3"];
    const readinessProbe = { exec: { command }, periodSeconds: 1, timeoutSeconds: AMPLE };
    node.put(shellPod("ready", STAY, { readinessProbe }));
    const { status } = await node.waitFor("ready", (pod) => containerOf(pod)?.state?.running !== undefined);
    assert.equal(status?.containerStatuses?.[0]?.ready, false);
    await node.waitEvent("ready", "Unhealthy", /^Readiness probe failed: ls: \/tmp\/ready: No such file/);
    const { stdout } = await node.verb("describe", "pod", "ready");
    assert.match(
      stdout,
      /Waits for:\n {2}Container "main" is running and not ready: its readiness probe has not succeeded/,
    );
    assert.match(stdout, /Readiness probe failed: ls: \/tmp\/ready/);
    await node.exec("ready", "touch /tmp/ready");
    await node.waitReady("ready");
    await node.exec("ready", "rm /tmp/ready");
    await node.waitFor("ready", (pod) => !isReady(pod));
  });

  test("a web server on the host's network is asked at the node's address", async () => {
    const line = "mkdir /www && echo up > /www/ok && httpd -f -p 18080 -h /www & trap 'exit 0' TERM; wait";
    const probe = { httpGet: { path: "/ok", port: "web" }, periodSeconds: 1, timeoutSeconds: AMPLE };
    const ports = [{ name: "web", containerPort: 18_080 }];
    node.put(shellPod("web", line, { ports, readinessProbe: probe }, { hostNetwork: true }));
    assert.equal(containerOf(await node.waitReady("web"))?.restartCount, 0);
  });

  test("a container that never comes up in time is killed and tried again", async () => {
    const startupProbe = { tcpSocket: { port: 9 }, periodSeconds: 1, failureThreshold: 2 };
    node.put(shellPod("never", STAY, { startupProbe }));
    const again = await node.waitFor("never", (pod) => (containerOf(pod)?.restartCount ?? 0) > 0);
    assert.equal(containerOf(again)?.ready, false);
    await node.waitEvent("never", "Killing", /^Container main failed startup probe, will be restarted$/);
  });

  test("a command that hangs fails by its time and holds up no other", async () => {
    const hang = { exec: { command: ["sleep", "600"] }, periodSeconds: 1, failureThreshold: 600 };
    const fine = { exec: { command: ["true"] }, periodSeconds: 1, timeoutSeconds: AMPLE };
    node.put(shellPod("hang", STAY, { livenessProbe: hang, readinessProbe: fine }));
    await node.waitReady("hang");
    await node.waitEvent("hang", "Unhealthy", /^Liveness probe failed: command timed out: "sleep 600" timed out/);
  });
});
