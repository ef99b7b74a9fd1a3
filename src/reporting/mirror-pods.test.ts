import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import type { Node, Pod } from "../model/kubernetes.ts";
import { Chance } from "../sim/chance.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { FakeSeen } from "./fake-pods.ts";
import { MirrorPods, type StaticPods } from "./mirror-pods.ts";
import { podsOf } from "./target.ts";

const PODS = podsOf("default");
const NODE: Node = { metadata: { name: "n", uid: "node-uid" } };
const staticPod = (hash: string, name = "p"): Pod => ({
  metadata: {
    name,
    namespace: "default",
    uid: hash,
    labels: { a: "b" },
    annotations: { "kubernetes.io/config.source": "file", "kubernetes.io/config.hash": hash },
  },
  spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] },
  status: { phase: "Pending" },
});

function open({ node = NODE }: { node?: Node | null } = {}) {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(life.signal);
  const api = new SimKubeApi(clock);
  api.faults.latency = () => 10;
  const seen = new FakeSeen(api.server);
  const state: { node: Node | null } = { node };
  const mirrors = new MirrorPods({
    api,
    clock,
    random: new Chance(1),
    log: silentLog,
    seen,
    node: () => state.node ?? undefined,
  });
  api.server.onChange = () => {
    time.at(5, () => {
      seen.look();
      mirrors.ring();
    });
  };
  mirrors.run(life.signal).catch(() => {});
  const want = (pods: readonly Pod[], more: Partial<StaticPods> = {}) =>
    mirrors.want({ pods, isComplete: () => true, isNameHeld: () => false, ...more });
  const run = (span: number) => time.runUntil(time.now() + span, () => {});
  const mirror = () => api.server.find<Pod>(PODS, "p");
  return { api, seen, state, mirrors, want, run, mirror };
}
const hashOf = (pod: Pod | undefined) => pod?.metadata?.annotations?.["kubernetes.io/config.mirror"];

test("MirrorPods makes a mirror pod that belongs to the node, once", async () => {
  const { api, want, run, mirror } = open();
  want([staticPod("h1")]);
  await run(100_000);
  const { metadata } = mirror() ?? {};
  assert.equal(hashOf(mirror()), "h1");
  assert.notEqual(metadata?.uid, "h1");
  assert.deepEqual(metadata?.labels, { a: "b" });
  assert.deepEqual(metadata?.ownerReferences, [
    { apiVersion: "v1", kind: "Node", name: "n", uid: "node-uid", controller: true },
  ]);
  assert.equal(api.requests, 1);
});

test("MirrorPods waits for the pods of the API server to be known, and for the node", async () => {
  const { api, seen, state, mirrors, want, run, mirror } = open({ node: null });
  seen.hasSynced = false;
  want([staticPod("h1")]);
  await run(100_000);
  seen.hasSynced = true;
  mirrors.ring();
  await run(100_000);
  state.node = { metadata: { ...NODE.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  mirrors.ring();
  await run(100_000);
  assert.equal(api.requests, 0);
  state.node = NODE;
  mirrors.ring();
  await run(100);
  assert.equal(hashOf(mirror()), "h1");
});

test("MirrorPods makes it anew when the static pod changes, when somebody deletes it, and lets it go with the static pod", async () => {
  const { api, want, run, mirror } = open();
  want([staticPod("h1")]);
  await run(100);
  want([staticPod("h2")]);
  await run(100);
  assert.equal(hashOf(mirror()), "h2");
  const uid = mirror()?.metadata?.uid;
  api.server.delete(PODS, "p", { gracePeriodSeconds: 30 });
  await run(100);
  assert.equal(hashOf(mirror()), "h2");
  assert.notEqual(mirror()?.metadata?.uid, uid);
  api.server.delete(PODS, "p", { gracePeriodSeconds: 0 });
  await run(100);
  assert.equal(hashOf(mirror()), "h2");
  want([]);
  await run(100);
  assert.equal(mirror(), undefined);
});

test("MirrorPods leaves a mirror pod alone whose manifest may be there and could not be read, or whose pod still stops", async () => {
  const { want, run, mirror, mirrors } = open();
  want([staticPod("h1")]);
  await run(100);
  want([], { isComplete: (source) => source !== "file" });
  await run(100_000);
  assert.equal(hashOf(mirror()), "h1");
  let held = true;
  want([staticPod("h2")], { isNameHeld: (name) => held && name === "p_default" });
  await run(100_000);
  assert.equal(hashOf(mirror()), "h1");
  held = false;
  mirrors.ring();
  await run(100);
  assert.equal(hashOf(mirror()), "h2");
});

test("MirrorPods shows the one of two static pods of one name that runs", async () => {
  const { want, run, mirror } = open();
  want([staticPod("h1"), staticPod("h2")], { isNameHeld: (_, uid) => uid !== "h1" });
  await run(100);
  assert.equal(hashOf(mirror()), "h1");
});

test("MirrorPods tries again ever later while the API server refuses, and at once when it is back", async () => {
  const { api, mirrors, want, run, mirror } = open();
  api.faults.down = true;
  want([staticPod("h1")]);
  for (let second = 0; second < 600; second++) {
    mirrors.ring();
    await run(1_000);
  }
  assert.ok(api.requests < 25, `${api.requests} requests in ten minutes`);
  api.faults.down = false;
  mirrors.recovered();
  await run(100);
  assert.equal(hashOf(mirror()), "h1");
});

test("MirrorPods takes what it made for made when the answer was lost", async () => {
  const { api, want, run, mirror } = open();
  api.faults.next.push({ kind: "lost-answer" });
  want([staticPod("h1")]);
  await run(100_000);
  assert.equal(hashOf(mirror()), "h1");
  assert.equal(api.requests, 1);
});

test("MirrorPods does not touch a pod of its name that is no mirror pod", async () => {
  const { api, seen, want, run, mirror } = open();
  api.server.put(PODS, { metadata: { name: "p", uid: "u" }, spec: { containers: [] } } as Pod);
  seen.look();
  want([staticPod("h1")]);
  await run(600_000);
  assert.equal(mirror()?.metadata?.uid, "u");
  assert.ok(api.requests < 90, `${api.requests} requests in ten minutes`);
});

test("MirrorPods asks again soon while the server's admission has not heard of the node, or of the mirror pod", async () => {
  const { api, want, run, mirror } = open();
  let unheardOf = 'node "n" not found';
  api.faults.judge = () =>
    unheardOf === "" ? undefined : { kind: "refused", status: 404, reason: "NotFound", why: unheardOf };
  want([staticPod("h1")]);
  await run(100);
  unheardOf = "";
  await run(300);
  assert.equal(hashOf(mirror()), "h1");
  unheardOf = 'pod "p" not found';
  want([staticPod("h2")]);
  await run(5_000);
  assert.equal(hashOf(mirror()), "h1");
  unheardOf = "";
  await run(30_000);
  assert.equal(hashOf(mirror()), "h2");
});
