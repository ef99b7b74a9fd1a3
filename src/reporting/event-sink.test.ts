import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Log, type LogFields, silentLog } from "../base/log.ts";
import type { Event } from "../model/kubernetes.ts";
import type { EventRecord } from "../ports/events.ts";
import type { Collection } from "../ports/kube-api.ts";
import { Chance } from "../sim/chance.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { EventSink } from "./event-sink.ts";

const at = (namespace: string): Collection => ({ group: "", version: "v1", resource: "events", namespace });
const POD = { kind: "pod", uid: "u", name: "web", namespace: "shop", fieldPath: "spec.containers{a}" } as const;
const say = (message: string, more: Partial<EventRecord> = {}): EventRecord => ({
  type: "Warning",
  reason: "Unhealthy",
  message,
  about: POD,
  ...more,
});

function open(t: TestContext, nodeUid?: string) {
  const time = new VirtualTime();
  const life = new AbortController();
  t.after(() => life.abort());
  const clock = time.clock(life.signal);
  const api = new SimKubeApi(clock);
  const complaints: (LogFields | undefined)[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => void complaints.push({ message, ...fields }) };
  const sink = new EventSink({ nodeName: "n1", nodeUid: () => nodeUid }, { api, clock, random: new Chance(1), log });
  sink.run(life.signal).catch(() => {});
  const pass = (span: number) => time.runUntil(time.now() + span, () => {});
  const events = (namespace = "shop") => api.server.list<Event>(at(namespace), {}).items;
  return { time, api, sink, pass, events, complaints };
}

test("EventSink writes an event as the Go kubelet does", async (t) => {
  const { sink, pass, events } = open(t);
  sink.record(say("no"));
  await pass(1_000);
  const [event, ...more] = events();
  assert.equal(more.length, 0);
  const { metadata, firstTimestamp, lastTimestamp, ...rest } = event as Event;
  assert.match(metadata.name ?? "", /^web\.[0-9a-f]{16}$/);
  assert.equal(metadata.namespace, "shop");
  assert.deepEqual([firstTimestamp, lastTimestamp], ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]);
  assert.deepEqual(rest, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: {
      kind: "Pod",
      apiVersion: "v1",
      namespace: "shop",
      name: "web",
      uid: "u",
      fieldPath: "spec.containers{a}",
    },
    reason: "Unhealthy",
    message: "no",
    source: { component: "kubelet", host: "n1" },
    count: 1,
    type: "Warning",
    reportingComponent: "kubelet",
    reportingInstance: "n1",
  });
});

test("EventSink tells of the node by its UID, or by its name while that is not known", async (t) => {
  for (const uid of ["node-uid", undefined]) {
    const { sink, pass, events } = open(t, uid);
    sink.record(say("Starting kubelet.", { about: { kind: "node" }, reason: "Starting" }));
    await pass(1_000);
    assert.deepEqual(events("default")[0]?.involvedObject, {
      kind: "Node",
      apiVersion: "v1",
      name: "n1",
      uid: uid ?? "n1",
    });
  }
});

test("EventSink counts up what happens again, and makes it anew when it is gone", async (t) => {
  const { sink, pass, events, api } = open(t);
  for (let turn = 0; turn < 3; turn++) {
    sink.record(say("no"));
    await pass(5_000);
  }
  const [event, ...more] = events();
  assert.deepEqual(
    [event?.count, event?.firstTimestamp, event?.lastTimestamp, more.length],
    [3, "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", 0],
  );
  api.server.delete(at("shop"), event?.metadata.name ?? "");
  sink.record(say("no"));
  await pass(5_000);
  assert.deepEqual(
    events().map(({ count, metadata }) => [count, metadata.name]),
    [[4, event?.metadata.name]],
  );
});

test("EventSink combines ten messages of a kind", async (t) => {
  const { sink, pass, events } = open(t);
  for (let turn = 0; turn < 14; turn++) {
    sink.record(say(`no ${turn}`));
    await pass(1_000);
  }
  const texts = events().map(({ message, count }) => `${count} ${message}`);
  assert.deepEqual(texts, [
    ...Array.from({ length: 9 }, (_, turn) => `1 no ${turn}`),
    "5 (combined from similar events): no 13",
  ]);
});

test("EventSink holds back who tells too much of one object, and nobody else", async (t) => {
  const { sink, pass, api } = open(t);
  for (let turn = 0; turn < 40; turn++) {
    sink.record(say("no", { reason: `R${turn % 20}` }));
    await pass(100);
  }
  assert.equal(api.requests, 25);
  sink.record(say("no", { about: { ...POD, uid: "other" } }));
  sink.record(say("yes", { type: "Normal" }));
  await pass(100);
  assert.equal(api.requests, 27);
  await pass(300_000);
  sink.record(say("no"));
  sink.record(say("more"));
  await pass(100);
  assert.equal(api.requests, 28);
});

test("EventSink waits while the API server is away: equal events become one, beyond a thousand the oldest go", async (t) => {
  const { sink, pass, events, api, complaints } = open(t);
  api.faults.down = true;
  sink.record(say("first"));
  await pass(1_000);
  for (let turn = 0; turn < 1_100; turn++) {
    sink.record(say("no", { about: { ...POD, uid: `u${turn}` } }));
    sink.record(say("no", { about: { ...POD, uid: `u${turn}` } }));
  }
  await pass(3_600_000);
  assert.equal(sink.size, 1_000);
  api.faults.down = false;
  await pass(3_600_000);
  const found = events();
  assert.equal(found.length, 1_001);
  assert.deepEqual(
    found.slice(0, 2).map(({ message, count, involvedObject }) => [message, count, involvedObject.uid]),
    [
      ["first", 1, "u"],
      ["no", 2, "u100"],
    ],
  );
  assert.deepEqual(complaints, [{ message: "Dropped events: too many waited for the API server", count: 100 }]);
});

test("EventSink drops what the server refuses and goes on", async (t) => {
  const { sink, pass, events, api, complaints } = open(t);
  api.faults.judge = ({ at: { namespace } }) => (namespace === "gone" ? { kind: "refused", status: 403 } : undefined);
  sink.record(say("no", { about: { ...POD, namespace: "gone" } }));
  sink.record(say("yes"));
  await pass(10_000);
  assert.deepEqual([events("gone").length, events().length, complaints.length], [0, 1, 1]);
});

test("EventSink asks again for what is refused for a while, and lets nobody wait long behind what always is", async (t) => {
  const { time, sink, pass, events, api, complaints } = open(t);
  api.faults.judge = ({ at: { namespace } }) =>
    namespace === "limited" || time.now() < 2_000 ? { kind: "refused", status: 429 } : undefined;
  sink.record(say("held up"));
  sink.record(say("too many", { about: { ...POD, namespace: "limited" } }));
  sink.record(say("behind"));
  await pass(60_000);
  assert.deepEqual([events("limited").length, events().length, complaints.length], [0, 2, 1]);
});

test("EventSink gives an object of an odd name an event of a good one", async (t) => {
  const { sink, pass, events } = open(t);
  sink.record(say("no", { about: { ...POD, name: "Odd_Name" } }));
  await pass(1_000);
  assert.match(events()[0]?.metadata.name ?? "", /^[0-9a-f]{40}\.[0-9a-f]{16}$/);
});
