/** What a running node tells: over the local socket, over TLS, by its verbs; and pods that come from a URL. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type RequestOptions, request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { waitFor } from "../../scripts/lib/wait.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { type Issued, issue } from "../support/certificates.ts";
import { containerIds, containerOf, isReady, ownNetwork, STAY, shellPod, TestNode } from "../support/kubelet.ts";

describe("a node that is asked", { concurrency: true }, () => {
  let node: TestNode;
  let ca: Issued;
  let manifests: Server;
  /** What the manifest URL answers with; a number is a status. */
  let served: readonly Pod[] | number = [];
  before(async () => {
    await ownNetwork();
    manifests = createServer((_, reply) => {
      if (typeof served === "number") reply.writeHead(served).end("not now");
      else reply.end(JSON.stringify({ apiVersion: "v1", kind: "PodList", items: served }));
    });
    await once(manifests.listen(0, "127.0.0.1"), "listening");
    const address = manifests.address();
    const port = typeof address === "object" ? address?.port : assert.fail();
    node = await TestNode.start({ runtime: "embedded", started: false });
    ca = await issue({ commonName: "test-ca", ca: true });
    const clientCAFile = node.scratch.path("ca.crt");
    writeFileSync(clientCAFile, ca.cert);
    node.configure({
      authentication: { x509: { clientCAFile } },
      staticPodURL: `http://127.0.0.1:${port}/pods`,
      httpCheckFrequency: "1s",
    });
    await node.start();
  });
  after(async () => {
    served = [];
    await node?.[Symbol.asyncDispose]();
    manifests.close();
    manifests.closeAllConnections();
  });

  const ask = async (path: string, options: RequestOptions = {}) => {
    const call = request(`https://127.0.0.1:${node.port}${path}`, {
      agent: false,
      rejectUnauthorized: false,
      ...options,
    });
    call.end();
    const [reply] = await once(call, "response");
    return { status: reply.statusCode as number, body: await text(reply) };
  };

  test("answers the holder of a client certificate on its main port, and nobody else", async () => {
    node.put(shellPod("seen", `echo hello; ${STAY}`));
    await node.waitReady("seen");
    await node.waitLog("seen", /hello/);
    const { cert, key } = await issue({ commonName: "admin", organizations: ["system:masters"], by: ca });
    const stranger = await issue({ commonName: "admin", organizations: ["system:masters"] });
    const paths = [
      "/pods",
      "/runningpods/",
      "/configz",
      "/metrics",
      "/containerLogs/default/seen-node/main",
      "/healthz",
    ];
    for (const path of paths) {
      assert.equal((await ask(path)).status, 401, path);
      assert.equal((await ask(path, { cert, key })).status, 200, path);
    }
    await assert.rejects(async () => {
      const { status } = await ask("/pods", { cert: stranger.cert, key: stranger.key });
      throw new Error(`${status}`);
    }, /401|alert|ECONNRESET|unknown ca/i);
    assert.equal((await ask("/containerLogs/default/seen-node/main", { cert, key })).body, "hello\n");
    const { items } = JSON.parse((await ask("/pods", { cert, key })).body);
    assert.ok(items.some((pod: Pod) => pod.metadata?.name === "seen-node" && isReady(pod)));
    const running = JSON.parse((await ask("/runningpods/", { cert, key })).body);
    assert.ok(
      running.items.some((pod: Pod) => pod.metadata?.name === "seen-node" && pod.spec?.containers[0]?.name === "main"),
    );
  });

  test("answers over its local socket, which is root's alone", async () => {
    assert.equal(statSync(join(node.root, "kubelet.sock")).mode & 0o777, 0o600);
    const { kubeletconfig } = (await node.getJson("/configz")) as { kubeletconfig: Record<string, unknown> };
    assert.equal(kubeletconfig.staticPodPath, node.manifests);
    assert.equal(kubeletconfig.cgroupRoot, node.cgroup.path);
    const metrics = (await node.get("/metrics")).body;
    assert.match(metrics, /^kubernetes_build_info\{.*git_version="v1\.37/m);
    assert.match(metrics, /^kubelet_cgroup_version [12]$/m);
    const health = await fetch(`http://127.0.0.1:${node.healthPort}/healthz`);
    assert.deepEqual([health.status, await health.text()], [200, "ok"]);
  });

  test("follows a log to its container's end, and shows this run's and the last one's apart", async () => {
    const line =
      'n=$(cat /v/n 2>/dev/null || echo 0); echo $((n + 1)) >/v/n; echo "run $n"; until [ -e /v/go$n ]; do sleep 0.1; done; echo "end $n"; exit 1';
    node.put(
      shellPod(
        "runs",
        line,
        { volumeMounts: [{ name: "v", mountPath: "/v" }] },
        { volumes: [{ name: "v", emptyDir: {} }] },
      ),
    );
    await node.waitReady("runs");
    const follower = node.follow("logs", "-f", "runs");
    let said = "";
    const { stdout } = follower;
    stdout?.setEncoding("utf8").on("data", (part) => {
      said += part;
    });
    const ended = once(follower, "close");
    // By the follower's own mouth: one that comes after the end follows the next run.
    await waitFor("the follower to have begun", () => said.includes("run 0\n"), {
      timeout: 60_000,
      explain: () => node.log().slice(-3000),
    });
    await node.exec("runs", "touch /v/go0");
    assert.deepEqual(await ended, [0, null]);
    assert.equal(said, "run 0\nend 0\n");
    await node.waitFor("runs", (pod) => containerOf(pod)?.restartCount === 1 && isReady(pod));
    assert.equal(await node.waitLog("runs", /run/), "run 1\n");
    assert.equal((await node.verb("logs", "-p", "runs")).stdout, "run 0\nend 0\n");
    assert.equal((await node.verb("logs", "-p", "--tail", "1", "runs")).stdout, "end 0\n");
  });

  test("says why a pod does not run", async () => {
    node.put(shellPod("absent", STAY, { image: "registry.local/absent:1" }));
    await node.waitFor("absent", (pod) => containerOf(pod)?.state?.waiting?.reason === "ImagePullBackOff");
    const { code, stdout } = await node.verb("describe", "pod", "absent");
    assert.equal(code, 0);
    assert.match(stdout, /Waits for/);
    assert.match(stdout, /ImagePullBackOff/);
    assert.match(stdout, /registry\.local\/absent:1.*not found/);
    const rows = (await node.verb("get", "pods")).stdout.split("\n");
    assert.match(rows.find((row) => row.includes("absent")) ?? "", /0\/1 +ImagePullBackOff/);
    assert.match((await node.verb("events", "absent")).stdout, /Failed/);
    const missing = await node.verb("describe", "pod", "nothing");
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /nothing/);
  });

  test("prints pods for programs as the API would", async () => {
    node.put(shellPod("printed", STAY));
    await node.waitReady("printed");
    const { stdout } = await node.verb("get", "pods", "printed", "-o", "json");
    const shown: Pod & { readonly items?: readonly Pod[] } = JSON.parse(stdout);
    const pod = shown.items?.[0] ?? shown;
    assert.deepEqual([pod.kind, pod.metadata?.name, pod.status?.phase], ["Pod", "printed-node", "Running"]);
    assert.match((await node.verb("get", "pods", "printed", "-o", "yaml")).stdout, /^ *phase: "?Running"?$/m);
  });

  test("runs the pods of a URL, keeps them while it fails, and follows its changes", async () => {
    served = [shellPod("web-a", STAY), shellPod("web-b", STAY)];
    const [a, b] = [await node.waitReady("web-a"), await node.waitReady("web-b")];
    assert.equal(a.metadata?.annotations?.["kubernetes.io/config.source"], "http");
    served = 500;
    await waitFor("the failure to be told of", async () =>
      (await node.rejectedManifests()).some(({ source }) => source.startsWith("http://")),
    );
    assert.deepEqual(containerIds((await node.pod("web-a")) ?? assert.fail()), containerIds(a));
    served = [shellPod("web-b", STAY)];
    await node.waitGone("web-a");
    assert.deepEqual(containerIds((await node.pod("web-b")) ?? assert.fail()), containerIds(b));
  });
});
