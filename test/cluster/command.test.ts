/** `npm run cluster`, as a person uses it: from a shell that is outside of the cluster's network. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { placeOf, readState } from "../../scripts/cluster/place.ts";
import { leaks, type MachineState, machineState } from "../../scripts/lib/leaks.ts";
import { networkOf } from "../../scripts/lib/machine.ts";
import { type Finished, run, tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { usualKubelet } from "../support/cluster-node.ts";

const SCRIPT = join(import.meta.dirname, "../../scripts/cluster.ts");
const NAME = `test-${process.pid}`;
const place = placeOf(NAME);
const kubectlPath = join(place.bin, "kubectl");

async function cluster(verb: string, ...words: readonly string[]): Promise<Finished> {
  return await tryRun(process.execPath, [SCRIPT, verb, "--name", NAME, ...words], { timeout: 180_000 });
}

async function up(...words: readonly string[]): Promise<Finished> {
  return await cluster("up", `--kubelet=${usualKubelet()}`, ...words);
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return await run(kubectlPath, args, { env: { KUBECONFIG: place.kubeconfig, HOME: place.plane }, timeout: 180_000 });
}

function keeper(): number {
  const pid = readState(place)?.pid;
  if (pid === undefined) throw new Error(`${place.state} names no keeper`);
  return pid;
}

describe("npm run cluster", () => {
  let before_: MachineState;

  before(() => {
    before_ = machineState();
  });

  after(async () => {
    await cluster("down");
    assert.deepEqual(leaks(before_, machineState(), [place.cgroup]), []);
  });

  test("without a cluster, down and shell say so", async () => {
    const gone = await cluster("down");
    assert.deepEqual([gone.code, gone.stdout], [0, "No cluster is up: there is nothing to remove\n"]);
    const shell = await cluster("shell");
    assert.equal(shell.code, 1);
    assert.match(shell.stderr, /no cluster is up\. Start one with: npm run cluster -- up --name/);
  });

  test("up makes a cluster that kubectl reaches from here, and shell one where pods and names answer", async () => {
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
    assert.ok(stdout.includes(`export KUBECONFIG=${place.kubeconfig}`), stdout);
    assert.notEqual(networkOf(keeper()), networkOf("self"));
    assert.match(await kubectl("get", "nodes"), /^node +Ready /m);
    await kubectl("create", "deployment", "web", "--image=busybox", "--", "httpd", "-f", "-p", "80", "-h", "/etc");
    await kubectl("expose", "deployment", "web", "--port=80");
    await kubectl("rollout", "status", "deployment/web", "--timeout=150s");
    assert.match(await kubectl("exec", "deploy/web", "--", "cat", "/etc/passwd"), /^root:/);
    // The service's rules and name come when kube-proxy and CoreDNS have heard of it.
    const served = await waitFor(
      "the service to answer",
      async () => {
        const inside = await cluster(
          "shell",
          "sh",
          "-c",
          "kubectl get pods -o name && curl -fsS -m 10 http://web/passwd",
        );
        if (inside.code !== 0) throw new Error(inside.stderr);
        return inside;
      },
      { timeout: 120_000 },
    );
    assert.match(served.stdout, /^pod\/web-[\s\S]*\nroot:/);
    assert.equal((await cluster("shell", "sh", "-c", "exit 7")).code, 7);
  });

  test("up again says that it is up, or with which choice it is", async () => {
    const pid = keeper();
    const same = await up();
    assert.equal(same.code, 0);
    assert.match(same.stdout, /^It was up already\n/);
    const other = await up("--no-add-ons");
    assert.equal(other.code, 1);
    assert.match(other.stderr, /is up with .*CoreDNS and kube-proxy; you asked for .*no add-ons\. Remove it first/);
    assert.equal(keeper(), pid);
  });

  test("a program that is killed is started again", async () => {
    const scheduler = Number(await run("pgrep", ["-f", `kube-scheduler .*${place.plane}/`]));
    process.kill(scheduler, "SIGKILL");
    const isBack = () =>
      readFileSync(place.log, "utf8").includes("kube-scheduler was ended by SIGKILL; starting it again");
    await waitFor("the keeper to notice", isBack, { timeout: 120_000 });
    await kubectl("create", "deployment", "later", "--image=busybox", "--", "sleep", "1000");
    await kubectl("rollout", "status", "deployment/later", "--timeout=150s");
  });

  test("down after its keeper was killed removes all that it left", async () => {
    process.kill(keeper(), "SIGKILL");
    await waitFor("the keeper to be gone", async () => (await cluster("shell")).code === 1, { timeout: 120_000 });
    const { code, stdout } = await cluster("down");
    assert.equal(code, 0);
    assert.match(stdout, /^Removing a cluster that was killed/);
    assert.equal(existsSync(place.folder), false);
    assert.deepEqual(leaks(before_, machineState(), [place.cgroup]), []);
  });

  test("up after a reboot cleans up first; down removes a cluster that is up", async () => {
    mkdirSync(place.folder);
    const state = { phase: "up", pid: process.pid, started: "1", boot: "another", choice: {}, steps: [] };
    writeFileSync(place.state, JSON.stringify(state));
    const { code, stdout, stderr } = await up("--no-add-ons");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^Cleaning up after a cluster that this machine's restart ended/);
    const { stdout: words } = await cluster("down");
    assert.match(words, /^Removing the cluster in /);
    assert.equal(existsSync(place.folder), false);
  });

  test("somebody else's folder is left alone, in words", async () => {
    symlinkSync("/etc", place.folder);
    try {
      for (const verb of ["up", "down", "shell"]) {
        const { code, stderr } = await cluster(verb);
        assert.equal(code, 1);
        assert.match(stderr, /^cluster: \/tmp\/\S+ is not a folder of this user; remove it or choose another name/);
      }
    } finally {
      unlinkSync(place.folder);
    }
  });

  test("a start that fails says which program failed, and leaves only its logs", async () => {
    const bin = `${place.folder}-bin`;
    mkdirSync(bin);
    try {
      const missing = await tryRun(process.execPath, [SCRIPT, "up", "--name", NAME], { env: { KUBE_BIN_DIR: bin } });
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, /KUBE_BIN_DIR is .*, and these programs are not there: kube-apiserver, .*etcd/);
      for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "etcd"])
        writeFileSync(join(bin, name), "#!/bin/sh\necho no $0 today >&2\nexit 3\n", { mode: 0o755 });
      const env = { KUBE_BIN_DIR: bin };
      const words = ["up", "--name", NAME, "--no-add-ons"];
      const failed = await tryRun(process.execPath, [SCRIPT, ...words], { env, timeout: 180_000 });
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /cluster: etcd ended with exit code 3\n[\s\S]*etcd\.log:\n.*no .*etcd today/);
      assert.match((await cluster("down")).stdout, /^Removing a cluster that could not start/);
    } finally {
      await run("rm", ["-r", bin]);
    }
  });
});
