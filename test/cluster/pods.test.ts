/** A pod's life on a node of a real cluster: bound, run, ended, deleted, with the kubelet or the API server away. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AnyObject } from "../../scripts/lib/cluster/api-client.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { type Cri, connectCri } from "../../src/adapters/cri/index.ts";
import { createClock, createRandom } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { seconds } from "../../src/base/units.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { TestCluster } from "../support/cluster.ts";
import { LISTENING, ONCE_UP } from "../support/cluster-pods.ts";
import { containerIds, containerOf, IMAGE, isReady, ownNetwork, STAY, shellPod } from "../support/kubelet.ts";

await ownNetwork();
/** `npm run soak` has it away for longer. */
const AWAY_MS = Number(process.env.KUBELET_TS_API_AWAY ?? 60) * 1000;

const PODS = "/api/v1/namespaces/default/pods";
const NODES = "/api/v1/nodes";
const PATIENCE_MS = 120_000;
const { signal } = new AbortController();

describe("pods of a cluster", () => {
  let cluster: TestCluster;
  let cri: Cri;

  before(async () => {
    cluster = await TestCluster.start();
    cri = connectCri({
      endpoint: cluster.node.endpoint,
      requestTimeout: seconds(20),
      log: silentLog,
      clock: createClock(),
      random: createRandom(),
    });
  });

  after(async () => {
    cri?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  const uidOf = (pod: Pod | undefined): string => pod?.metadata?.uid ?? "";
  const conditionOf = (pod: Pod | undefined, type: string) =>
    pod?.status?.conditions?.find((condition) => condition.type === type);
  const restartsOf = (pod: Pod | undefined): number => containerOf(pod)?.restartCount ?? -1;

  /** Nothing of the pod is in the runtime any more. */
  const nothingLeft = async (uid: string): Promise<void> => {
    const isGone = async () => {
      const containers = await cri.runtime.listContainers(uid, signal);
      return containers.length + (await cri.runtime.listSandboxes(uid, signal)).length === 0;
    };
    await waitFor(`pod ${uid} to be gone from the runtime`, isGone, { timeout: PATIENCE_MS });
  };

  /** Every state of the pod that the API server has had after the given one, until it was gone; whenever this is asked. */
  const statesAfter = async ({ metadata }: Pod): Promise<readonly Pod[]> => {
    const states: Pod[] = [];
    const path = `${PODS}?fieldSelector=metadata.name%3D${metadata?.name}`;
    const watch = cluster.api.watch<Pod>(path, metadata?.resourceVersion ?? "", AbortSignal.timeout(PATIENCE_MS));
    for await (const { type, object } of watch) {
      if (type === "DELETED") return states;
      states.push(object);
    }
    throw new Error(`the watch ended before pod ${metadata?.name} was gone`);
  };

  test("a bound pod runs, its status is as a kubelet's, and nothing is written while nothing changes", async () => {
    await cluster.createPod(shellPod("one", STAY));
    const { metadata, status } = await cluster.waitReady("one");
    assert.equal(status?.phase, "Running");
    assert.equal(status?.observedGeneration, metadata?.generation);
    assert.equal(status?.qosClass, "BestEffort");
    assert.equal(status?.hostIP, cluster.address);
    assert.deepEqual(status?.podIPs, [{ ip: status?.podIP }]);
    const types = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
    for (const type of types) assert.equal(conditionOf({ status }, type)?.status, "True", type);
    assert.match(status?.startTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(containerOf({ status })?.containerID ?? "", /^containerd:\/\/[0-9a-f]{64}$/);
    // A second pod comes and goes; the first one's object is not touched by that.
    await cluster.createPod(shellPod("two", "exit 0", {}, { restartPolicy: "Never" }));
    await cluster.waitPhase("two", "Succeeded");
    assert.equal((await cluster.pod("one"))?.metadata?.resourceVersion, metadata?.resourceVersion);
  });

  test("a pod is deleted within its grace, and its last state tells how its containers ended", async () => {
    await cluster.createPod(shellPod("bye", LISTENING.replace("exit 0", "exit 7"), ONCE_UP));
    const pod = await cluster.waitReady("bye");
    await cluster.kubectl("delete", "pod", "bye", "--wait=false");
    const seen = await statesAfter(pod);
    const last = seen.at(-1);
    assert.equal(last?.status?.phase, "Failed");
    assert.equal(containerOf(last)?.state?.terminated?.exitCode, 7);
    assert.equal(conditionOf(last, "Ready")?.status, "False");
    // Ready until it has stopped, like the Go kubelet's: that it goes its deletionTimestamp tells.
    const dying = seen.find(({ metadata }) => metadata?.deletionGracePeriodSeconds === 5);
    assert.equal(conditionOf(dying, "Ready")?.status, "True");
    await nothingLeft(uidOf(pod));
  });

  test("whoever deletes again with less patience is heard at once", async () => {
    const deaf = shellPod(
      "deaf",
      "trap '' TERM; while :; do sleep 1; done",
      {},
      { terminationGracePeriodSeconds: 300 },
    );
    await cluster.createPod(deaf);
    await cluster.waitReady("deaf");
    await cluster.kubectl("delete", "pod", "deaf", "--wait=false");
    const dying = await cluster.waitFor("deaf", ({ metadata }) => metadata?.deletionTimestamp !== undefined);
    await cluster.kubectl("delete", "pod", "deaf", "--grace-period=1", "--wait=false");
    const last = (await statesAfter(dying)).at(-1);
    assert.equal(containerOf(last)?.state?.terminated?.exitCode, 137);
  });

  test("a pod deleted by force is stopped too, and its name is free at once", async () => {
    await cluster.createPod(shellPod("forced", STAY));
    const old = await cluster.waitReady("forced");
    await cluster.kubectl("delete", "pod", "forced", "--grace-period=0", "--force");
    await cluster.createPod(shellPod("forced", STAY));
    const fresh = await cluster.waitFor("forced", (pod) => isReady(pod) && uidOf(pod) !== uidOf(old));
    assert.notEqual(containerIds(fresh).main, containerIds(old).main);
    await nothingLeft(uidOf(old));
    assert.deepEqual(containerIds((await cluster.pod("forced")) ?? {}), containerIds(fresh));
  });

  test("a pod that has run its course keeps its end, and is never run again", async () => {
    const ended = (name: string, line: string) => shellPod(name, line, {}, { restartPolicy: "Never" });
    await cluster.createPod(ended("good", "echo done"));
    await cluster.createPod(ended("bad", "exit 3"));
    const good = await cluster.waitPhase("good", "Succeeded");
    const bad = await cluster.waitPhase("bad", "Failed");
    assert.equal(containerOf(good)?.state?.terminated?.reason, "Completed");
    assert.equal(containerOf(bad)?.state?.terminated?.exitCode, 3);
    await cluster.node.kubelet.restart();
    await cluster.createPod(shellPod("later", STAY));
    await cluster.waitReady("later");
    for (const before of [good, bad]) {
      const now = await cluster.pod(before.metadata?.name ?? "");
      assert.deepEqual(now?.status?.containerStatuses, before.status?.containerStatuses);
      assert.equal(now?.status?.phase, before.status?.phase);
    }
    assert.equal(await cluster.kubectl("logs", "good"), "done\n");
    await cluster.kubectl("delete", "pod", "good", "bad", "later");
    await nothingLeft(uidOf(good));
  });

  test("a pod that the node refuses says why, and can be deleted", async () => {
    const wanting = shellPod("huge", STAY, { resources: { requests: { cpu: "4000" } } }, { nodeName: "node" });
    await cluster.createPod(wanting);
    const { status } = await cluster.waitPhase("huge", "Failed");
    assert.equal(status?.reason, "OutOfcpu");
    assert.match(status?.message ?? "", /^Pod was rejected: Node didn't have enough resource: cpu, requested: 4000000/);
    await cluster.kubectl("delete", "pod", "huge", "--timeout=60s");
    assert.equal(await cluster.pod("huge"), undefined);
  });

  test("conditions of others stay, and readiness gates wait for theirs", async () => {
    const gate = "example.com/gate";
    await cluster.createPod(shellPod("gated", STAY, {}, { readinessGates: [{ conditionType: gate }] }));
    const waiting = await cluster.waitFor(
      "gated",
      ({ status }) => conditionOf({ status }, "ContainersReady")?.status === "True",
    );
    assert.equal(conditionOf(waiting, "Ready")?.reason, "ReadinessGatesNotReady");
    const status = { conditions: [{ type: gate, status: "True" }] };
    await cluster.api.patch(`${PODS}/gated/status`, { status }, "strategic");
    const ready = await cluster.waitReady("gated");
    assert.equal(conditionOf(ready, gate)?.status, "True");
    await cluster.kubectl("delete", "pod", "gated");
  });

  test("an evicted pod is told to be disrupted and goes by itself", async () => {
    await cluster.createPod(shellPod("evicted", LISTENING, ONCE_UP));
    const pod = await cluster.waitReady("evicted");
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "evicted", namespace: "default" } };
    await cluster.api.create(`${PODS}/evicted/eviction`, eviction);
    const last = (await statesAfter(pod)).at(-1);
    assert.equal(conditionOf(last, "DisruptionTarget")?.reason, "EvictionByEvictionAPI");
    assert.equal(containerOf(last)?.state?.terminated?.exitCode, 0);
    await nothingLeft(uidOf(pod));
  });

  describe("mirror pods", () => {
    const mirror = "fixed-node";
    const manifest = () => join(cluster.node.places.manifests, "fixed.json");
    /** In one step, or the folder's reader may find half of it. */
    const write = (pod: Pod) => {
      const unread = join(cluster.node.places.manifests, ".fixed.json");
      writeFileSync(unread, JSON.stringify(pod));
      renameSync(unread, manifest());
    };
    const hashOf = (pod: Pod): string | undefined => pod.metadata?.annotations?.["kubernetes.io/config.mirror"];

    test("a static pod has one that tells its status, and that comes back when somebody deletes it", async () => {
      write(shellPod("fixed", STAY));
      const first = await cluster.waitReady(mirror);
      const node = await cluster.api.get(`${NODES}/node`);
      assert.deepEqual(first.metadata?.ownerReferences, [
        { apiVersion: "v1", kind: "Node", name: "node", uid: node.metadata.uid, controller: true },
      ]);
      assert.equal(first.metadata?.annotations?.["kubernetes.io/config.source"], "file");
      await cluster.kubectl("delete", "pod", mirror, "--wait=false");
      const second = await cluster.waitFor(mirror, (pod) => isReady(pod) && uidOf(pod) !== uidOf(first));
      assert.deepEqual(containerIds(second), containerIds(first));
      assert.equal(hashOf(second), hashOf(first));
    });

    test("it follows the manifest: another version is another pod, and without a manifest there is none", async () => {
      const before = await cluster.waitReady(mirror);
      write(shellPod("fixed", STAY, { env: [{ name: "VERSION", value: "2" }] }));
      const next = await cluster.waitFor(mirror, (pod) => isReady(pod) && hashOf(pod) !== hashOf(before));
      assert.notDeepEqual(containerIds(next), containerIds(before));
      rmSync(manifest());
      await cluster.waitGone(mirror);
      await nothingLeft(hashOf(next) ?? "");
    });
  });

  test("a kubelet that is killed and started again touches no pod, and Ready never flaps", async () => {
    const names = ["kept-0", "kept-1", "kept-2"];
    for (const name of names) await cluster.createPod(shellPod(name, STAY));
    const before = await Promise.all(names.map((name) => cluster.waitReady(name)));
    const { resourceVersion } = (await cluster.api.get(PODS)).metadata;
    await cluster.node.kubelet.kill();
    await cluster.createPod(shellPod("meanwhile", STAY, {}, { nodeName: "node" }));
    await cluster.node.kubelet.start();
    await cluster.waitReady("meanwhile");
    for (const [place, pod] of (await Promise.all(names.map((name) => cluster.pod(name)))).entries()) {
      assert.deepEqual(containerIds(pod ?? {}), containerIds(before[place] ?? {}));
      assert.equal(restartsOf(pod), 0);
    }
    const watch = cluster.api.watch<Pod>(`${PODS}?timeoutSeconds=1`, resourceVersion, AbortSignal.timeout(PATIENCE_MS));
    for await (const { object } of watch) {
      if (names.includes(object.metadata?.name ?? "")) assert.ok(isReady(object), JSON.stringify(object.status));
    }
    await cluster.kubectl("delete", "pod", "meanwhile", ...names);
  });

  test("what is deleted while the kubelet is away is stopped when it is back, whichever way it was deleted", async () => {
    const names = ["asked", "forced-away", "reused"];
    for (const name of names) await cluster.createPod(shellPod(name, LISTENING, ONCE_UP));
    const [asked, forced, reused] = await Promise.all(names.map((name) => cluster.waitReady(name)));
    await cluster.node.kubelet.kill();
    await cluster.kubectl("delete", "pod", "asked", "--wait=false");
    await cluster.kubectl("delete", "pod", "forced-away", "reused", "--grace-period=0", "--force");
    await cluster.createPod(shellPod("reused", STAY, {}, { nodeName: "node" }));
    await cluster.node.kubelet.start();
    assert.equal(containerOf((await statesAfter(asked ?? {})).at(-1))?.state?.terminated?.exitCode, 0);
    const fresh = await cluster.waitReady("reused");
    assert.notEqual(uidOf(fresh), uidOf(reused));
    for (const pod of [asked, forced, reused]) await nothingLeft(uidOf(pod));
    await cluster.kubectl("delete", "pod", "reused");
  });

  test("while the API server is away pods go on and crashes are mended; then all is told, and nothing restarts", async () => {
    // They end when they are told to by a file, which they take away: not before the API server is.
    const folder = cluster.scratch.path("gate");
    mkdirSync(folder);
    const gate = { volumeMounts: [{ name: "gate", mountPath: "/gate" }] };
    const volumes = [{ name: "gate", hostPath: { path: folder, type: "Directory" } }];
    const untilTold = (file: string) => `trap 'exit 0' TERM; until rm /gate/${file} 2>/dev/null; do sleep 0.2; done`;
    await cluster.createPod(shellPod("steady", STAY));
    await cluster.createPod(shellPod("crashing", `${untilTold("crash")}; exit 1`, gate, { volumes }));
    await cluster.createPod(shellPod("ending", untilTold("end"), gate, { volumes, restartPolicy: "Never" }));
    const steady = await cluster.waitReady("steady");
    await cluster.waitReady("crashing");
    await cluster.waitReady("ending");
    await cluster.plane.apiServer.kill();
    const away = Date.now();
    for (const file of ["crash", "end"]) writeFileSync(join(folder, file), "");
    const uid = uidOf(steady);
    const alive = async () =>
      (await cri.runtime.listContainers(undefined, signal)).filter(({ state }) => state === "running");
    await waitFor(
      "the crashed container to run again without an API server",
      async () => {
        const all = await cri.runtime.listContainers(undefined, signal);
        return all.some(
          ({ attempt, state, labels }) =>
            attempt > 0 && state === "running" && labels["io.kubernetes.pod.name"] === "crashing",
        );
      },
      { timeout: PATIENCE_MS },
    );
    const absence = `${AWAY_MS / 1000} s without the API server`;
    await waitFor(absence, async () => Date.now() - away > AWAY_MS, { timeout: AWAY_MS + 10_000 });
    assert.ok((await alive()).some(({ labels }) => labels["io.kubernetes.pod.uid"] === uid));
    await cluster.plane.apiServer.start();
    await cluster.waitPhase("ending", "Succeeded");
    const crashed = await cluster.waitFor("crashing", (pod) => restartsOf(pod) > 0);
    assert.equal(containerOf(crashed)?.lastState?.terminated?.exitCode, 1);
    const now = await cluster.waitReady("steady");
    assert.deepEqual(containerIds(now), containerIds(steady));
    assert.equal(restartsOf(now), 0);
    // The cluster must have noticed the node again before anything new runs on it.
    await cluster.node.untilReady();
    await cluster.createPod(shellPod("after", STAY));
    // client-go's back-off may keep the scheduler from watching again for a minute.
    await cluster.waitFor("after", ({ spec }) => spec?.nodeName !== undefined, { timeoutMs: 150_000 });
    await cluster.waitReady("after");
    await cluster.kubectl("delete", "pod", "steady", "crashing", "ending", "after");
  });

  test("a Node object that is deleted comes again, and takes pods", async () => {
    const { uid } = (await cluster.api.get(`${NODES}/node`)).metadata;
    await cluster.kubectl("delete", "node", "node", "--wait=false");
    await cluster.until<AnyObject>(NODES, "node", (node) => node !== undefined && node.metadata.uid !== uid);
    await cluster.node.untilReady();
    await cluster.createPod(shellPod("again", STAY, { image: IMAGE }));
    await cluster.waitReady("again");
  });
});
