import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import type { Pod, PodStatus } from "../model/kubernetes.ts";
import { Chance } from "../sim/chance.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import type { ApiCall } from "../sim/kube-api-faults.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { FakeSeen } from "./fake-pods.ts";
import { type Post, StatusWriter } from "./status-writer.ts";
import { podsOf } from "./target.ts";

const PODS = podsOf("default");
const SPEC = { nodeName: "n", containers: [{ name: "c", image: "i" }] };

/** A writer beside an API server with one pod. The watch shows what happened a millisecond later, unless it is `deaf`. */
function open({ deaf = false, annotations = {} }: { deaf?: boolean; annotations?: Record<string, string> } = {}) {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(life.signal);
  const api = new SimKubeApi(clock);
  const { server, faults } = api;
  faults.latency = () => 10;
  server.put(PODS, {
    metadata: { name: "p", uid: "u", annotations },
    spec: SPEC,
    status: { phase: "Pending" },
  } as Pod);
  const seen = new FakeSeen(server);
  seen.look();
  const calls: ApiCall[] = [];
  api.onCall = (call) => void calls.push(call);
  const writer = new StatusWriter({ api, clock, random: new Chance(1), log: silentLog, seen }, life.signal);
  const show = () => {
    seen.look();
    writer.changed(new Set(["default/p"]));
  };
  server.onChange = () => {
    if (!deaf) time.at(1, show);
  };
  const pod = server.get<Pod>(PODS, "p");
  const post = (status: PodStatus, more: Partial<Post> = {}) =>
    writer.post({ pod, status, quiet: true, released: false, ...more });
  const run = (to: number) => time.runUntil(to, () => {});
  const status = () => server.find<Pod>(PODS, "p")?.status;
  const patches = () => calls.filter(({ verb }) => verb === "patch").length;
  return { api, server, faults, time, seen, calls, writer, show, post, run, status, patches, pod, life };
}

test("StatusWriter sends a status at once, and nothing when nothing changed", async () => {
  const { post, run, status, patches, calls } = open();
  post({ phase: "Running" });
  await run(20);
  assert.equal(status()?.phase, "Running");
  post({ phase: "Running" });
  await run(100_000);
  assert.equal(patches(), 1);
  assert.equal(calls[0]?.subresource, "status");
  assert.deepEqual((calls[0]?.body as Pod | undefined)?.metadata, { uid: "u" });
});

test("StatusWriter waits with telling that a deletion was seen, as the pod's end is news of it soon", async () => {
  const { post, run, status, patches, server } = open();
  const says = (more: PodStatus, quiet = false) =>
    post({ phase: "Running", observedGeneration: 2, ...more }, { quiet });
  post({ phase: "Running", observedGeneration: 1 });
  await run(20);
  server.delete(PODS, "p", { gracePeriodSeconds: 30 });
  await run(30);
  says({});
  await run(4_000);
  assert.equal(patches(), 1);
  says({ message: "news" });
  await run(4_020);
  assert.deepEqual([status()?.message, status()?.observedGeneration, patches()], ["news", 2, 2]);
  says({ message: "news", observedGeneration: 3 });
  await run(14_000);
  assert.equal(patches(), 2);
  await run(14_100);
  assert.equal(status()?.observedGeneration, 3, "no other news within 10 s");
  says({ message: "news", observedGeneration: 4 }, true);
  await run(14_120);
  assert.equal(status()?.observedGeneration, 4, "nothing runs any more");
});

test("StatusWriter has one write of a pod under way, and the newest wins", async () => {
  const { post, run, status, patches } = open();
  for (const message of ["a", "b", "c", "d"]) post({ phase: "Running", message });
  await run(15);
  for (const message of ["e", "f"]) post({ phase: "Running", message });
  await run(1_000);
  assert.equal(status()?.message, "f");
  assert.equal(patches(), 3);
});

test("StatusWriter builds on the answer of its last write when the watch is behind", async () => {
  const { post, run, calls } = open({ deaf: true });
  post({ phase: "Running", message: "a" });
  await run(100);
  post({ phase: "Running", message: "b" });
  await run(200);
  assert.deepEqual((calls[1]?.body as Pod | undefined)?.status, { message: "b" });
});

test("StatusWriter mends at once what somebody changed while the watch was behind", async () => {
  const { post, run, status, server } = open({ deaf: true });
  server.patch(PODS, "p", "merge", { status: { message: "theirs" } }, "status");
  post({ phase: "Running" });
  await run(50);
  assert.deepEqual([status()?.phase, status()?.message], ["Running", undefined]);
});

test("StatusWriter asks what there is after a write whose answer was lost, and takes the whole of it back", async () => {
  const { post, run, status, faults, time } = open({ deaf: true });
  const ready = (yes: boolean) => [{ type: "Ready", status: yes ? "True" : "False" }];
  faults.next.push({ kind: "lost-answer" });
  post({ phase: "Running", message: "up", conditions: ready(true) });
  await run(50);
  assert.equal(status()?.message, "up");
  post({ phase: "Pending" });
  await run(time.now() + 10_000);
  assert.deepEqual([status()?.phase, status()?.message, status()?.conditions], ["Pending", undefined, []]);
});

test("StatusWriter tries again ever later, and at once when the API server is back", async () => {
  const { post, run, status, patches, faults, writer, time } = open();
  faults.down = true;
  post({ phase: "Running" });
  await run(600_000);
  assert.ok(patches() < 25, `${patches()} tries in ten minutes`);
  const before = patches();
  for (let n = 0; n < 1_000; n++) post({ phase: "Running", message: `${n}` });
  await run(601_000);
  assert.ok(patches() <= before + 1, "news do not make a storm");
  faults.down = false;
  writer.recovered();
  await run(time.now() + 30);
  assert.equal(status()?.message, "999");
});

test("StatusWriter waits as long as the API server asks it to", async () => {
  const { post, run, status, faults } = open();
  faults.next.push({ kind: "refused", status: 429, reason: "TooManyRequests", retryAfter: seconds(20) });
  post({ phase: "Running" });
  await run(19_900);
  assert.equal(status()?.phase, "Pending");
  await run(30_000);
  assert.equal(status()?.phase, "Running");
});

test("StatusWriter writes again what somebody else changed, but no more than every ten seconds", async () => {
  const { post, run, status, patches, server, time } = open();
  post({ phase: "Running", message: "ours" });
  await run(60_000);
  const meddle = () => server.patch(PODS, "p", "merge", { status: { message: "theirs" } }, "status");
  for (let n = 0; n < 60; n++) {
    meddle();
    await run(time.now() + 1_000);
  }
  await run(time.now() + 20_000);
  assert.equal(status()?.message, "ours");
  assert.ok(patches() >= 5 && patches() <= 9, `${patches()} patches in a minute`);
});

test("StatusWriter does not insist on what the API server makes something else of", async () => {
  const { post, run, patches, server } = open();
  const patch = server.patch.bind(server);
  server.patch = (at, name, kind, body, subresource) => {
    const { status } = body as Pod;
    return patch(at, name, kind, { ...(body as Pod), status: { ...status, message: "as I like it" } }, subresource);
  };
  post({ phase: "Running", message: "ours" });
  await run(200_000);
  assert.equal(patches(), 2);
});

test("StatusWriter leaves another pod of the same name alone", async () => {
  const { post, run, status, patches, server, seen, show } = open();
  server.delete(PODS, "p", { gracePeriodSeconds: 0 });
  server.put(PODS, { metadata: { name: "p", uid: "other" }, spec: SPEC, status: { phase: "Pending" } } as Pod);
  post({ phase: "Running" });
  await run(20);
  assert.equal(status()?.phase, "Pending", "the UID in the patch guards it, while the watch is behind");
  assert.equal(patches(), 1);
  assert.equal(seen.get("default", "p")?.metadata?.uid, "other");
  show();
  await run(100_000);
  assert.equal(patches(), 1);
});

test("StatusWriter deletes a pod for good when it was told to go, has ended and holds nothing", async () => {
  const { post, run, server, calls, show } = open();
  server.delete(PODS, "p", { gracePeriodSeconds: 30 });
  const pod = server.get<Pod>(PODS, "p");
  const deletions = () => calls.filter(({ verb }) => verb === "delete").map(({ body }) => body);
  show();
  post({ phase: "Running" }, { pod, quiet: false });
  await run(1_000);
  post({ phase: "Failed", message: "stopped" }, { pod, quiet: true });
  await run(2_000);
  assert.deepEqual(deletions(), []);
  post({ phase: "Failed", message: "final" }, { pod, released: true });
  await run(3_000);
  assert.deepEqual(deletions(), [{ gracePeriodSeconds: 0, uid: "u" }]);
  assert.equal(server.find(PODS, "p"), undefined);
  post({ phase: "Failed", message: "final" }, { pod, released: true });
  await run(100_000);
  assert.equal(deletions().length, 1);
});

test("StatusWriter tries a deletion again whose answer was lost, and asks once where a finalizer holds the pod", async () => {
  const { post, run, server, calls, faults } = open();
  server.put(PODS, { ...server.get<Pod>(PODS, "p"), metadata: { name: "p", uid: "u", finalizers: ["a/b"] } } as Pod);
  server.delete(PODS, "p", { gracePeriodSeconds: 30 });
  faults.judge = ({ verb }) => {
    if (verb !== "delete" || calls.filter((call) => call.verb === "delete").length > 1) return undefined;
    return { kind: "lost-answer" };
  };
  post({ phase: "Failed" }, { pod: server.get<Pod>(PODS, "p"), released: true });
  await run(200_000);
  assert.equal(calls.filter(({ verb }) => verb === "delete").length, 2);
  assert.ok(server.find(PODS, "p"));
});

test("StatusWriter asks for a deletion again while the server's admission has not heard of the pod", async () => {
  for (const deafFor of [100, 60_000]) {
    const { post, run, server, faults, time } = open();
    server.delete(PODS, "p", { gracePeriodSeconds: 30 });
    faults.judge = ({ verb }) =>
      verb === "delete" && time.now() < deafFor
        ? { kind: "refused", status: 404, reason: "NotFound", why: 'pod "p" not found' }
        : undefined;
    post({ phase: "Failed" }, { pod: server.get<Pod>(PODS, "p"), released: true });
    await run(deafFor * 2 + 300);
    assert.equal(server.find(PODS, "p"), undefined, `after ${deafFor} ms`);
  }
});

test("StatusWriter writes a static pod's status to its mirror pod, and never deletes that", async () => {
  const { post, run, status, server, calls } = open({ annotations: { "kubernetes.io/config.mirror": "hash" } });
  const pod = (hash: string): Pod => ({
    metadata: {
      name: "p",
      namespace: "default",
      uid: "static",
      annotations: { "kubernetes.io/config.source": "file", "kubernetes.io/config.hash": hash },
    },
    spec: SPEC,
  });
  post({ phase: "Running" }, { pod: pod("older") });
  await run(100);
  assert.equal(status()?.phase, "Pending");
  post({ phase: "Running" }, { pod: pod("hash") });
  await run(200);
  assert.equal(status()?.phase, "Running");
  server.delete(PODS, "p", { gracePeriodSeconds: 30 });
  post({ phase: "Failed" }, { pod: pod("hash"), released: true });
  await run(300);
  assert.deepEqual(
    calls.filter(({ verb }) => verb === "delete"),
    [],
  );
});

test("StatusWriter forgets a pod that is gone, also in the middle of a wait", async () => {
  const { post, run, faults, writer, patches } = open();
  faults.down = true;
  post({ phase: "Running" });
  await run(100);
  writer.forget("u");
  faults.down = false;
  writer.recovered();
  await run(100_000);
  assert.deepEqual([writer.size, patches()], [0, 1]);
});
