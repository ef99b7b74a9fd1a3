/** What systemd is told, over a real datagram socket. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { waitFor } from "../../scripts/lib/wait.ts";
import { runtimePaths } from "../../src/adapters/containerd/index.ts";
import { connectServiceManager } from "../../src/adapters/linux/index.ts";
import { purgeHere } from "../../src/app/purge.ts";
import { managerEnvHere } from "../../src/app/told.ts";
import { isFault } from "../../src/base/fault.ts";
import { Datagrams } from "../support/datagrams.ts";
import { containerOf, ownNetwork, shellPod, TestNode } from "../support/kubelet.ts";
import { Scratch } from "../support/scratch.ts";

const abstractName = () => `@kubelet-ts-test-${randomBytes(6).toString("hex")}`;

test("messages arrive at a path and at an abstract name", async () => {
  await using scratch = new Scratch("notify");
  for (const socket of [scratch.path("notify.sock"), abstractName()]) {
    using received = new Datagrams(socket);
    const manager = await connectServiceManager(socket);
    manager.notify("READY=1");
    manager.notify("STATUS=Ä pod");
    assert.deepEqual(received.all, ["READY=1", "STATUS=Ä pod"]);
  }
});

test("nobody there, or one who does not read, is an error and no wait", async () => {
  const socket = abstractName();
  const manager = await connectServiceManager(socket);
  assert.throws(
    () => manager.notify("READY=1"),
    (error) => isFault(error, "file-failed") && error.fault.errno === "ECONNREFUSED",
  );
  using received = new Datagrams(socket);
  const fill = () => {
    for (let count = 0; count < 10_000; count++) manager.notify("WATCHDOG=1");
  };
  assert.throws(
    fill,
    (error) => isFault(error, "file-failed") && ["EAGAIN", "EWOULDBLOCK"].includes(error.fault.errno),
  );
  assert.ok(received.all.length > 0);
});

for (const socket of ["vsock:2:1", "relative", "/", `/${"x".repeat(200)}`]) {
  test(`an address like ${socket.slice(0, 20)} is refused`, async () => {
    await assert.rejects(connectServiceManager(socket), (error) => isFault(error, "start-refused"));
  });
}

test("children of the kubelet can't speak in its name", () => {
  const names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];
  process.env.NOTIFY_SOCKET = "/run/none";
  process.env.WATCHDOG_USEC = "60000000";
  process.env.WATCHDOG_PID = `${process.pid}`;
  assert.deepEqual(managerEnvHere(), { socket: "/run/none", watchdog: 60_000 });
  assert.deepEqual(
    names.filter((name) => name in process.env),
    [],
  );
});

test("a kubelet says that it is up, shows what it does, gives signs of life, and says that it stops", async () => {
  await ownNetwork();
  const socket = abstractName();
  using received = new Datagrams(socket);
  await using node = await TestNode.start({
    runtime: "embedded",
    env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "2000000" },
  });
  const signs = () => received.all.filter((one) => one === "WATCHDOG=1").length;
  await waitFor("three signs of life", () => signs() >= 3, { explain: () => received.all.join("\n") });
  const { all } = received;
  assert.deepEqual(all.slice(0, 2), ["STATUS=Starting", "STATUS=Starting: waiting for the container runtime"]);
  assert.deepEqual(
    all.filter((one) => one !== "WATCHDOG=1").slice(2),
    ["READY=1", "STATUS=0 pods"],
    "READY once, before anything else of a running node",
  );
  await node.stop();
  assert.deepEqual(received.all.at(-1), "STOPPING=1\nSTATUS=Stopping; pods keep running");
});

test("doctor looks at a real machine with a running kubelet, in time and without harm", async () => {
  await using node = await TestNode.start({ runtime: "embedded" });
  const flags = [
    `--root-dir=${node.root}`,
    `--config=${node.scratch.path("config.json")}`,
    "--container-runtime-endpoint=embedded",
    "--hostname-override=node",
  ];
  const { stdout, stderr } = await node.verb("doctor", "-o", "json", ...flags);
  const { findings }: { findings: { about: string; level: string; found: string }[] } = JSON.parse(stdout);
  const of = (about: string) => findings.filter((one) => one.about === about);
  assert.equal(stderr, "");
  assert.match(of("container runtime")[0]?.found ?? "", /^containerd \S+ at unix:\/\/.*, CRI v1$/);
  for (const port of [node.port, node.healthPort])
    assert.match(of(`port ${port}`)[0]?.found ?? "", /which runs already$/, JSON.stringify(findings));
  for (const about of ["kernel", "cgroups", "swap", "disk of root directory", "node name", "clock", "cluster"])
    assert.ok(of(about).length > 0, about);
  assert.deepEqual(
    findings.filter(({ found }) => /no answer within|can't be looked at/.test(found)),
    [],
  );
  assert.ok(node.running);
});

test("what uninstall --purge does: no pod, no runtime, no root directory is left; not while a kubelet runs", async () => {
  await using node = await TestNode.start({ runtime: "embedded" });
  node.put(shellPod("web", "sleep 1000"));
  const id = containerOf(await node.waitReady("web"))?.containerID ?? "";
  const { signal } = new AbortController();
  await assert.rejects(purgeHere(node.root, signal), /the kubelet with pid \d+ runs on it/);
  await node.stop();
  const task = id.replace("containerd://", "");
  const processes = () => shims(node.root);
  assert.ok(processes().length > 0, `a shim runs for ${task}`);
  assert.deepEqual(await purgeHere(node.root, signal), ["ended all pods", `removed ${node.root}`]);
  assert.deepEqual(processes(), []);
  assert.equal(existsSync(node.root), false);
});

/** Processes whose command line names the private containerd of that root directory. */
function shims(root: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(runtimePaths(root).socket);
    } catch {
      return false;
    }
  });
}

test("a watchdog of a second or less keeps the kubelet from starting", async () => {
  await using node = await TestNode.start({ runtime: "embedded", started: false, env: { WATCHDOG_USEC: "1000000" } });
  node.launch();
  assert.equal(await node.exitCode(), 1);
  assert.match(node.log(), /^kubelet: Cannot use WATCHDOG_USEC "1000000" .*WatchdogSec= of the unit higher$/m);
});
