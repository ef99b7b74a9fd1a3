/** Kubelet and runtime are killed without a word; pods must not notice. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../scripts/lib/wait.ts";
import { networkNames, runtimePaths } from "../../src/adapters/containerd/index.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { containerIds, containerOf, IMAGE, isReady, STAY, shellPod, TestNode } from "../support/kubelet.ts";

const never = new AbortController().signal;

describe("a kubelet that is killed", { concurrency: true }, () => {
  for (const [index, runtime] of (["embedded", { release: "2.4" }] as const).entries()) {
    const name = typeof runtime === "string" ? `${runtime} 1.6` : `a given containerd ${runtime.release}`;
    test(`ten times amid changes, touches no other pod and does nothing twice: ${name}`, async () => {
      await using node = await TestNode.start({ runtime, podCidr: `10.203.${index}.0/24` });
      await stormOfKills(node);
    });
  }

  test("finds out what changed while it was away", async () => {
    await using node = await TestNode.start({ runtime: "embedded", podCidr: "10.203.8.0/24" });
    const line = (file: string) => `echo up; until [ -e /v/${file} ]; do sleep 0.1; done; exit 4`;
    const shared = { volumeMounts: [{ name: "v", mountPath: "/v" }] };
    const volumes = [{ name: "v", hostPath: { path: node.scratch.path("shared"), type: "DirectoryOrCreate" } }];
    node.put(shellPod("stays", STAY));
    node.put(shellPod("removed", STAY));
    node.put(shellPod("changed", STAY));
    node.put(shellPod("ends", line("end"), shared, { volumes }));
    node.put(shellPod("ends-for-good", line("end"), shared, { volumes, restartPolicy: "Never" }));
    node.put(
      shellPod("slow", "trap '' TERM; echo deaf; while :; do sleep 1; done", {}, { terminationGracePeriodSeconds: 3 }),
    );
    const names = ["stays", "removed", "changed", "ends", "ends-for-good", "slow"];
    const [stays, removed, changed, ends] = await Promise.all(names.map((name) => node.waitReady(name)));
    await node.waitLog("slow", /deaf/);
    const slow = await node.pod("slow");
    node.remove("slow");
    await node.waitEvent("slow", "Killing", /main/);
    await node.kill();

    node.remove("removed");
    node.put(shellPod("changed", `: other; ${STAY}`));
    node.put(shellPod("added", STAY));
    writeFileSync(node.scratch.path("shared/end"), "");
    await waitFor("both containers to end", async () => {
      const all = await node.cri.runtime.listContainers(undefined, never);
      // By their names: "slow" may end as well by now.
      const own = all.filter(({ labels }) => labels["io.kubernetes.pod.name"]?.startsWith("ends"));
      return own.filter(({ state }) => state === "exited").length === 2;
    });

    await node.start();
    await node.waitReady("added");
    const same = await node.waitReady("stays");
    assert.deepEqual([containerIds(same), containerOf(same)?.restartCount], [containerIds(stays ?? same), 0]);
    await node.waitFor("changed", (pod) => isReady(pod) && pod.metadata?.uid !== changed?.metadata?.uid);
    const again = await node.waitFor("ends", (pod) => (containerOf(pod)?.restartCount ?? 0) > 0);
    assert.equal(again.metadata?.uid, ends?.metadata?.uid);
    assert.equal(containerOf(again)?.lastState?.terminated?.exitCode, 4);
    const over = await node.waitPhase("ends-for-good", "Failed");
    assert.deepEqual([containerOf(over)?.restartCount, containerOf(over)?.state?.terminated?.exitCode], [0, 4]);
    for (const gone of [removed, changed, slow]) await waitCleaned(node, gone?.metadata?.uid ?? assert.fail());
  });

  test("together with its runtime, finds its containers running", async () => {
    await using node = await TestNode.start({ runtime: "embedded", podCidr: "10.203.9.0/24" });
    node.put(shellPod("stays", STAY));
    const before = await node.waitReady("stays");
    await node.kill();
    process.kill(containerdPid(node), "SIGKILL");
    await node.start();
    const after = await node.waitReady("stays");
    assert.deepEqual([containerIds(after), containerOf(after)?.restartCount], [containerIds(before), 0]);
    assert.equal((await node.exec("stays", "echo fine")).trim(), "fine");
  });
});

describe("a runtime that is killed", { concurrency: true }, () => {
  for (const [index, runtime] of (
    ["embedded", "embedded 2.4", { release: "1.6" }, { release: "2.4" }] as const
  ).entries()) {
    const name = typeof runtime === "string" ? runtime : `given ${runtime.release}`;
    test(`comes back with all containers, and the node goes on: ${name}`, async () => {
      await using node = await TestNode.start({ runtime, podCidr: `10.203.${16 + index}.0/24` });
      node.put(shellPod("stays", STAY));
      node.put(
        shellPod(
          "ends",
          "until [ -e /v/end ]; do sleep 0.1; done; exit 5",
          { volumeMounts: [{ name: "v", mountPath: "/v" }] },
          {
            volumes: [{ name: "v", hostPath: { path: node.scratch.path("shared"), type: "DirectoryOrCreate" } }],
          },
        ),
      );
      const before = await node.waitReady("stays");
      await node.waitReady("ends");
      await killRuntime(node, async () => {
        writeFileSync(node.scratch.path("shared/end"), "");
        node.put(shellPod("meanwhile", STAY));
      });
      await node.waitReady("meanwhile");
      const ended = await node.waitFor("ends", (pod) => (containerOf(pod)?.restartCount ?? 0) > 0);
      assert.notEqual(containerOf(ended)?.lastState?.terminated, undefined);
      node.put(shellPod("later", STAY));
      await node.waitReady("later");
      const after = await node.waitReady("stays");
      assert.deepEqual([containerIds(after), containerOf(after)?.restartCount], [containerIds(before), 0]);
      node.remove("stays");
      await node.waitGone("stays");
      assert.ok(node.running, "the kubelet lived through all of it");
    });
  }
});

/** Pods that must not be touched, and others that come, change and go around ten kills. */
async function stormOfKills(node: TestNode): Promise<void> {
  const mark = node.scratch.path("starts");
  const counted = (name: string, version: number): Pod =>
    shellPod(
      name,
      `echo ${name}.${version} >>/v/starts; ${STAY}`,
      { volumeMounts: [{ name: "v", mountPath: "/v" }] },
      {
        terminationGracePeriodSeconds: 3,
        volumes: [{ name: "v", hostPath: { path: node.scratch.folder } }],
      },
    );
  node.put(counted("steady", 0));
  node.put(shellPod("crashed", "exit 3"));
  node.put(shellPod("steps", STAY, {}, { initContainers: [{ name: "first", image: IMAGE, command: ["true"] }] }));
  node.put(shellPod("done", "exit 0", {}, { restartPolicy: "Never" }));
  const isBackingOff = (pod: Pod) =>
    containerOf(pod)?.restartCount === 1 && containerOf(pod)?.state?.waiting?.reason === "CrashLoopBackOff";
  const untouched = ["steady", "steps", "done"];
  await Promise.all([
    node.waitReady("steady"),
    node.waitReady("steps"),
    node.waitPhase("done", "Succeeded"),
    node.waitFor("crashed", isBackingOff),
  ]);
  const factsOf = (pod: Pod | undefined) => ({
    ids: pod && containerIds(pod),
    restarts: pod?.status?.containerStatuses?.map(({ restartCount }) => restartCount),
  });
  const factsNow = async () => await Promise.all(untouched.map(async (name) => factsOf(await node.pod(name))));
  const facts = await factsNow();

  const versions = new Map<string, number>();
  let runs = 0;
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < 3; n++) {
      const name = `burst-${(round + n) % 5}`;
      if (versions.has(name) && n === 1) {
        node.remove(name);
        versions.delete(name);
      } else {
        const version = round * 10 + n;
        node.put(counted(name, version));
        versions.set(name, version);
      }
    }
    // Any moment: before the change is seen, amid pulls, sandboxes, starts and stops, or after all of it.
    const moment = Math.random() * 600;
    await sleep(moment);
    await node.kill();
    await assertNothingTwice(node, `after the kill ${moment} ms into round ${round}`);
    const before = runs;
    runs = await lastAttempt(node, "crashed-node");
    assert.ok(runs >= before, `the restart count went from ${before} to ${runs} in round ${round}`);
    await node.start();
  }

  for (const name of versions.keys()) {
    const wanted = `${name}.${versions.get(name)}`;
    await node.waitFor(name, (pod) => isReady(pod) && JSON.stringify(pod.spec).includes(wanted));
  }
  await waitFor("only wanted pods to be left", async () => {
    const pods = await node.pods();
    return pods.length === versions.size + untouched.length + 1;
  });
  assert.deepEqual(await factsNow(), facts);
  const crashed = await node.pod("crashed");
  assert.ok((containerOf(crashed)?.restartCount ?? 0) >= runs, JSON.stringify(crashed?.status));
  await assertNothingTwice(node, "at the end");
  const starts = readFileSync(mark, "utf8").trim().split("\n");
  assert.deepEqual(
    starts.filter((line, at) => starts.indexOf(line) !== at),
    [],
    "a container was started twice",
  );
  const uids = new Set((await node.pods()).map(({ metadata }) => metadata?.uid ?? ""));
  await waitFor("what belongs to no pod to go", async () => (await strays(node, uids)).length === 0, {
    explain: async () => (await strays(node, uids)).join("\n"),
  });
}

/** The highest restart count of a pod's containers that have run. One that was only created may have to go again. */
async function lastAttempt(node: TestNode, pod: string): Promise<number> {
  const containers = await node.cri.runtime.listContainers(undefined, never);
  const own = containers.filter(({ labels, state }) => labels["io.kubernetes.pod.name"] === pod && state !== "created");
  return Math.max(0, ...own.map(({ attempt }) => attempt));
}

async function assertNothingTwice(node: TestNode, when: string): Promise<void> {
  const sandboxes = (await node.cri.runtime.listSandboxes(undefined, never)).filter(({ state }) => state === "ready");
  const containers = (await node.cri.runtime.listContainers(undefined, never)).filter(
    ({ state }) => state === "running",
  );
  const keys = [
    ...sandboxes.map(({ metadata: { uid } }) => uid),
    ...containers.map(({ labels, name }) => `${labels["io.kubernetes.pod.uid"]} ${name}`),
  ];
  assert.deepEqual(
    keys.filter((key, at) => keys.indexOf(key) !== at),
    [],
    when,
  );
}

/** Things of pods that nobody wants. */
async function strays(node: TestNode, uids: ReadonlySet<string>): Promise<readonly string[]> {
  const names = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const group = join(node.cgroup.folder("memory"), "kubepods");
  const groups = ["", "burstable", "besteffort"].flatMap((inner) =>
    names(join(group, inner)).filter((name) => name.startsWith("pod")),
  );
  const sandboxes = await node.cri.runtime.listSandboxes(undefined, never);
  const folder = node.containerd
    ? node.scratch.path("cd/ipam/pods")
    : join(runtimePaths(node.root).cniNetworks, networkNames(node.root).network);
  const addresses = names(folder).filter((name) => /^\d+\./.test(name));
  const ready = sandboxes.filter(({ state }) => state === "ready");
  return [
    ...names(join(node.root, "pods"))
      .filter((uid) => !uids.has(uid))
      .map((uid) => `directory of ${uid}`),
    ...names(node.podLogsDir)
      .filter((name) => !uids.has(name.split("_")[2] ?? ""))
      .map((name) => `logs ${name}`),
    ...groups.filter((name) => !uids.has(name.slice(3))).map((name) => `cgroup ${name}`),
    ...sandboxes.filter(({ metadata }) => !uids.has(metadata.uid)).map(({ metadata }) => `sandbox of ${metadata.name}`),
    ...(addresses.length > ready.length ? [`${addresses.length} addresses for ${ready.length} sandboxes`] : []),
  ];
}

async function waitCleaned(node: TestNode, uid: string): Promise<void> {
  const left = async () => [
    ...(await node.cri.runtime.listSandboxes(uid, never)).map(({ id }) => `sandbox ${id}`),
    ...[join(node.root, "pods", uid), join(node.cgroup.folder("memory"), `kubepods/besteffort/pod${uid}`)].filter(
      existsSync,
    ),
  ];
  await waitFor(`pod ${uid} to be cleaned up`, async () => (await left()).length === 0, {
    timeout: 60_000,
    explain: async () => `${await left()}\n${node.log().slice(-3000)}`,
  });
}

const containerdPid = (node: TestNode): number => JSON.parse(readFileSync(runtimePaths(node.root).pidFile, "utf8")).pid;

/** Kills containerd; an embedded one is brought back by the kubelet, a given one by us after `meanwhile`. */
async function killRuntime(node: TestNode, meanwhile: () => Promise<void>): Promise<void> {
  if (node.containerd) {
    await node.containerd.kill();
    await meanwhile();
    await node.containerd.start();
    return;
  }
  const pid = containerdPid(node);
  process.kill(pid, "SIGKILL");
  await meanwhile();
  await waitFor("containerd to be started again", () => containerdPid(node) !== pid, {
    explain: () => node.log().slice(-3000),
  });
}
