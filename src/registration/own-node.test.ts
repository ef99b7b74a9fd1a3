import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import type { Node } from "../model/kubernetes.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { NODES } from "./collections.ts";
import { OwnNode } from "./own-node.ts";

const node = (resourceVersion: string, uid = "u1", name = "node-1"): Node => ({
  metadata: { name, uid, resourceVersion },
});

function fresh() {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(life.signal);
  const api = new SimKubeApi(clock);
  const told: (string | undefined)[] = [];
  const deps = { api, clock, random: { fraction: () => 0.5, hex: () => "" }, log: silentLog };
  const own = new OwnNode("node-1", deps, (seen, byOthers) => {
    told.push(seen && `${seen.metadata?.resourceVersion} ${byOthers ? "others" : "ours"}`);
  });
  return { time, life, api, own, told };
}

test("OwnNode keeps the newest of what it was told, in whatever order", () => {
  const { own, told } = fresh();
  own.took(node("9"));
  own.took(node("10"));
  own.took(node("9"));
  own.took(node("10"));
  own.took(node("11", "u1", "another"));
  assert.equal(own.current?.metadata?.resourceVersion, "10");
  own.took(node("3", "u2"));
  assert.equal(own.current?.metadata?.uid, "u2");
  assert.deepEqual(told, ["9 ours", "10 ours", undefined, "3 ours"]);
});

test("OwnNode does not take a first list from before its own write for a deletion", async () => {
  const { time, life, own, told } = fresh();
  own.took(node("500"));
  const running = own.run(life.signal);
  await time.runUntil(1000, () => {});
  assert.equal(own.current?.metadata?.resourceVersion, "500");
  assert.deepEqual(told, ["500 ours"]);
  life.abort();
  await assert.rejects(running);
});

test("OwnNode tells of a deletion once, whoever notices first", async () => {
  const { time, life, api, own, told } = fresh();
  const running = own.run(life.signal);
  api.server.put(NODES, { metadata: { name: "node-1" } });
  await time.runUntil(1000, () => {});
  own.isGone();
  api.server.delete(NODES, "node-1");
  await time.runUntil(2000, () => {});
  assert.deepEqual(told, ["101 others", undefined]);
  await assert.rejects(own.whenKnown(AbortSignal.abort(new Error("stop"))), /stop/);
  life.abort();
  await assert.rejects(running);
});

test("OwnNode is not told by a late watch that the Node made anew is gone, but by one that knows of it", async () => {
  const { time, life, api, own, told } = fresh();
  const { server } = api;
  const running = own.run(life.signal);
  server.put(NODES, { metadata: { name: "node-1" } });
  await time.runUntil(1000, () => {});
  api.faults.latency = () => 1000;
  server.put(NODES, { metadata: { name: "node-1", labels: { late: "" } } });
  server.delete(NODES, "node-1");
  // Our write is refused, and we register, before the watch tells of any of it.
  own.isGone();
  own.took(server.create<Node>(NODES, { metadata: { name: "node-1" } }));
  await time.runUntil(10_000, () => {});
  assert.deepEqual(told, ["101 others", undefined, "104 ours"]);
  server.delete(NODES, "node-1");
  await time.runUntil(20_000, () => {});
  assert.deepEqual(told.slice(3), [undefined]);
  life.abort();
  await assert.rejects(running);
});

test("OwnNode.whenKnown() waits until the Node is there", async () => {
  const { own } = fresh();
  const known = own.whenKnown(new AbortController().signal);
  own.took(node("1"));
  assert.equal((await known).metadata?.resourceVersion, "1");
});
