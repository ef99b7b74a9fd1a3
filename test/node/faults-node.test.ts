/** What goes wrong around a running kubelet: its runtime, its disk, its ports, a second kubelet. Containers stay what they are. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildKubelet } from "../../scripts/build.ts";
import { run, tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { runtimePaths } from "../../src/adapters/containerd/index.ts";
import { seconds } from "../../src/base/units.ts";
import {
  containerIds,
  containerOf,
  isReady,
  type RuntimeChoice,
  STAY,
  shellPod,
  TestNode,
} from "../support/kubelet.ts";

type Ids = Readonly<Record<string, string>>;

async function calmNode(node: TestNode): Promise<Ids> {
  node.put(shellPod("calm", STAY));
  return containerIds(await node.waitReady("calm"));
}

async function isCalm(node: TestNode, calm: Ids): Promise<void> {
  const pod = await node.waitReady("calm");
  assert.deepEqual(containerIds(pod), calm);
  assert.equal(containerOf(pod)?.restartCount, 0);
}

const RUNTIMES: readonly RuntimeChoice[] = ["embedded", { release: "2.4" }];

for (const runtime of RUNTIMES) {
  const name = typeof runtime === "string" ? runtime : `given ${runtime.release}`;
  test(`${name}: the runtime is killed and comes back`, { timeout: 300_000 }, async () => {
    await using node = await TestNode.start({ runtime });
    const calm = await calmNode(node);
    node.put(shellPod("gone", STAY));
    node.put(shellPod("dies", `${STAY.replace("exit 0", "exit 3")}`, {}, { restartPolicy: "Never" }));
    await node.waitReady("gone");
    const dies = containerIds(await node.waitReady("dies")).main;
    if (node.containerd) await node.containerd.kill();
    else process.kill(JSON.parse(readFileSync(runtimePaths(node.root).pidFile, "utf8")).pid, "SIGKILL");
    // Meanwhile a pod is added, one removed, and the kubelet still answers.
    node.put(shellPod("added", STAY));
    node.remove("gone");
    assert.equal((await node.get("/healthz")).status, 200);
    assert.ok((await node.pods()).length >= 2);
    if (node.containerd) {
      await waitFor("the log to tell", () => /does not answer|runtime-unavailable|Unavailable/.test(node.log()));
      await sleep(1500);
      await node.containerd.start();
    }
    await node.waitReady("added");
    await node.waitGone("gone");
    await isCalm(node, calm);
    assert.equal(containerIds(await node.waitReady("dies")).main, dies);
    await node.cri.runtime.stopContainer(dies ?? "", seconds(30), AbortSignal.timeout(60_000));
    const failed = await node.waitPhase("dies", "Failed");
    assert.equal(containerOf(failed)?.state?.terminated?.exitCode, 3);
    assert.doesNotMatch(node.log(), /a bug, please report/);
  });
}

test("a full disk under the root directory: the kubelet says so, lives, and goes on when there is space", {
  timeout: 300_000,
}, async () => {
  await using node = await TestNode.start({ runtime: { release: "1.6" }, started: false });
  await run("mount", ["-t", "tmpfs", "-o", "size=6m,nr_inodes=4096", "tmpfs", node.root]);
  await node.start();
  const calm = await calmNode(node);
  const filler = join(node.root, "filler");
  fill(filler);
  node.put(
    shellPod(
      "late",
      STAY,
      { volumeMounts: [{ name: "v", mountPath: "/v" }] },
      { volumes: [{ name: "v", emptyDir: {} }] },
    ),
  );
  await waitFor("the log to tell of the disk", () => /no space left|ENOSPC/.test(node.log()), { timeout: 60_000 });
  assert.equal((await node.get("/healthz")).status, 200);
  await isCalm(node, calm);
  // A kubelet that starts on a full disk adopts what runs.
  await node.kill();
  await node.start();
  await isCalm(node, calm);
  rmSync(filler);
  await node.waitReady("late");
  await isCalm(node, calm);
  assert.doesNotMatch(node.log(), /a bug, please report/);
});

/** Writes zeros until there is no room. */
function fill(path: string): void {
  for (const size of [1 << 20, 4096, 1])
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
    } catch (error) {
      if (!String(error).includes("ENOSPC")) throw error;
    }
}

describe("ports and a second kubelet", { timeout: 300_000 }, () => {
  test("a main port that is taken ends the kubelet, with the holder's pid; a health port that is taken does not", async () => {
    await using node = await TestNode.start({ runtime: "embedded", started: false });
    const [main, health] = await Promise.all([node.port, node.healthPort].map(hold));
    try {
      node.launch();
      assert.equal(await node.exitCode(), 1);
      assert.match(
        node.log(),
        new RegExp(
          `kubelet: Cannot listen on 127.0.0.1:${node.port}: the port is taken by process ${process.pid} \\(.+\\); stop that process or choose another port`,
        ),
      );
      main?.close();
      await node.start();
      // Looking for the port's holder takes its own time beside the start.
      const told = new RegExp(
        `Failed to open the health port, trying again in 5 s.*:${node.healthPort}: the port is taken by process ${process.pid}`,
      );
      await waitFor("the log to tell of the health port", () => told.test(node.log()), { explain: () => node.log() });
      const calm = await calmNode(node);
      health?.close();
      await waitFor(
        "the health port to open",
        async () => (await fetch(`http://127.0.0.1:${node.healthPort}/healthz`)).ok,
      );
      await isCalm(node, calm);
    } finally {
      main?.close();
      health?.close();
    }
  });

  test("a second kubelet on one root directory is refused, names the first, and disturbs nothing", async () => {
    await using node = await TestNode.start({ runtime: "embedded" });
    const calm = await calmNode(node);
    const first = node.pid;
    await using second = await TestNode.start({
      runtime: "embedded",
      started: false,
      args: [`--root-dir=${node.root}`],
    });
    second.launch();
    assert.equal(await second.exitCode(), 1);
    assert.match(
      second.log(),
      new RegExp(
        `kubelet: Cannot use root directory ${node.root}: the kubelet with pid ${first} runs on it; stop that one or choose another --root-dir`,
      ),
    );
    assert.equal(node.pid, first);
    await isCalm(node, calm);
    assert.equal((await node.verb("get", "pods")).code, 0);
  });
});

async function hold(port: number) {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

test("a runtime that was found, not given, and holds another agent's pods is refused with both ways out", {
  timeout: 300_000,
}, async () => {
  await using node = await TestNode.start({ runtime: { release: "1.6" } });
  const calm = await calmNode(node);
  // A kubelet without an endpoint, in a mount namespace where this runtime's socket is at the usual place.
  mkdirSync(node.scratch.path("run"));
  mkdirSync(node.scratch.path("other"));
  const config = JSON.parse(readFileSync(node.scratch.path("config.json"), "utf8"));
  writeFileSync(
    node.scratch.path("other.json"),
    JSON.stringify({ ...config, port: 0, enableServer: false, healthzPort: 0 }),
  );
  const socket = node.endpoint.replace("unix://", "");
  const script = `mount --bind ${node.scratch.path("run")} /run && mkdir /run/containerd && touch /run/containerd/containerd.sock && mount --bind ${socket} /run/containerd/containerd.sock && exec "$@"`;
  const { launcher } = await buildKubelet(undefined, process.env.KUBELET_TS_DIST);
  const { stderr, code } = await tryRun(
    "unshare",
    [
      "--mount",
      "sh",
      "-c",
      script,
      "sh",
      launcher,
      `--root-dir=${node.scratch.path("other")}`,
      `--config=${node.scratch.path("other.json")}`,
    ],
    { timeout: 60_000 },
  );
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /containerd\.sock was found, not given, and it holds 1 pod sandbox of another node agent \(pod UID [0-9a-f]{32}\)/,
  );
  assert.match(
    stderr,
    /--container-runtime-endpoint=unix:\/\/\/run\/containerd\/containerd\.sock to take it over \(pods that are not this kubelet's will be removed\)/,
  );
  assert.match(stderr, /--container-runtime-endpoint=embedded/);
  assert.ok(isReady(await node.waitReady("calm")));
  await isCalm(node, calm);
});
