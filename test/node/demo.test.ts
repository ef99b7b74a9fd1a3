/** The demo as a stranger runs it, and that it leaves the machine as it found it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { leaks, machineState } from "../../scripts/lib/leaks.ts";
import { tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";

const DEMO = join(import.meta.dirname, "../../scripts/demo.ts");
const FOLDERS = ["/var/tmp", "/var/lib/containerd"];
const SHIM_SOCKETS = "/run/containerd/s/";

/** A demo in a process group of its own, as a shell would start it, once its first pod has an address. */
async function demoWithPods(): Promise<{ readonly demo: ChildProcess; readonly output: () => string }> {
  const demo = spawn(process.execPath, [DEMO, "--once"], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  let output = "";
  demo.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  await waitFor("a pod of the demo", () => output.includes("has address"), { explain: () => output, timeout: 60_000 });
  return { demo, output: () => output };
}

test("npm run demo -- --once shows everything and leaves nothing behind", { timeout: 240_000 }, async () => {
  const before = machineState(FOLDERS);
  const { code, stdout, stderr } = await tryRun(process.execPath, [DEMO, "--once"], { timeout: 200_000 });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.equal(stderr, "");
  assert.match(stdout, /All of it was seen/);
  assert.match(stdout, /the same \d+ containers, by id and restart count/);
  const left = leaks(before, machineState(FOLDERS), ["kubelet-ts-demo", "/var/lib/cni", SHIM_SOCKETS]);
  // A shim's socket names nobody: one that is listened on belongs to another program of this machine.
  const sockets = left.filter((line) => line.includes(SHIM_SOCKETS));
  const listening = await Promise.all(sockets.map((line) => isListening(line.slice(line.indexOf("/")))));
  assert.deepEqual(
    left.filter((line) => !listening[sockets.indexOf(line)]),
    [],
  );
});

async function isListening(path: string): Promise<boolean> {
  const socket = connect(path);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}

test("a demo that is asked to stop while pods start cleans up, and says that it did not see all", {
  timeout: 120_000,
}, async () => {
  const before = machineState(FOLDERS);
  const { demo, output } = await demoWithPods();
  const closed = once(demo, "close");
  // The whole group, as a terminal does: the registry and whatever else is in the foreground get it too.
  if (demo.pid !== undefined) process.kill(-demo.pid, "SIGINT");
  const [code] = await closed;
  assert.equal(code, 1, output());
  assert.match(output(), /the demo was interrupted/);
  assert.deepEqual(leaks(before, machineState(FOLDERS), ["kubelet-ts-demo"]), []);
});

test("a demo that was killed is cleaned up after by --stop", { timeout: 120_000 }, async () => {
  const before = machineState(FOLDERS);
  const { demo } = await demoWithPods();
  const closed = once(demo, "exit");
  demo.kill("SIGKILL");
  await closed;
  assert.notDeepEqual(leaks(before, machineState(FOLDERS), ["kubelet-ts-demo"]), []);
  const stop = await tryRun(process.execPath, [DEMO, "--stop"], { timeout: 60_000 });
  assert.equal(stop.code, 0, `${stop.stdout}\n${stop.stderr}`);
  assert.deepEqual(leaks(before, machineState(FOLDERS), ["kubelet-ts-demo"]), []);
});

test("a wrong option is refused with the usage", async () => {
  const { code, stderr } = await tryRun(process.execPath, [DEMO, "--twice"]);
  assert.equal(code, 2);
  assert.match(stderr, /--twice[\s\S]*usage: npm run demo/);
});
