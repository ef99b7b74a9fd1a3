import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { ApiPods } from "./api-source.ts";
import type { SourceUpdate } from "./update.ts";

type Json = Record<string, unknown>;
const podOf = (name: string, more: Json = {}, metadata: Json = {}): Json => ({
  metadata: { name, namespace: "default", uid: `uid-${name}`, generation: 1, ...metadata },
  spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] },
  ...more,
});

/** The source, fed by hand; each `take` gives the updates that it led to. */
function open() {
  const life = new AbortController();
  const time = new VirtualTime();
  const pods = new ApiPods({ nodeName: "n", clock: time.clock(life.signal), log: silentLog });
  const objects = new Map<string, object>();
  const updates: SourceUpdate[] = [];
  const reading = (async () => {
    for await (const update of pods.updates(life.signal)) updates.push(update);
  })();
  reading.catch(() => {});
  async function take(changed: Readonly<Record<string, object | undefined>>, hasSynced = true) {
    for (const [key, object] of Object.entries(changed)) {
      if (object) objects.set(key, object);
      else objects.delete(key);
    }
    pods.take(Object.keys(changed), { hasSynced, get: (key) => objects.get(key) });
    await new Promise(setImmediate);
    return updates.splice(0);
  }
  return { pods, take, time };
}
const names = (update: SourceUpdate | undefined) => update?.pods.map(({ metadata }) => metadata?.name);

test("ApiPods tells nothing before the first list is there, and an empty one too", async () => {
  const { take } = open();
  assert.deepEqual(await take({}, false), []);
  const [first] = await take({});
  assert.deepEqual(first, { source: "api", pods: [], rejected: [], warnings: [], complete: true });
});

test("ApiPods stamps pods, and tells them in the order in which they were made", async () => {
  const { take } = open();
  const at = (time: string) => ({
    creationTimestamp: time,
    annotations: { "kubernetes.io/config.source": "file", a: "b" },
  });
  const [update] = await take({
    "default/late": podOf("late", {}, at("2026-01-01T00:00:02Z")),
    "default/early": podOf("early", {}, at("2026-01-01T00:00:01Z")),
  });
  assert.deepEqual(names(update), ["early", "late"]);
  assert.deepEqual(update?.pods[0]?.metadata?.annotations, {
    a: "b",
    "kubernetes.io/config.source": "api",
    "kubernetes.io/config.seen": "2026-01-01T00:00:00.000Z",
  });
});

test("ApiPods is silent about what we write ourselves, and keeps the object", async () => {
  const { take, pods } = open();
  const [first] = await take({ "default/p": podOf("p") });
  const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
  assert.deepEqual(await take({ "default/p": podOf("p", { status }, { resourceVersion: "7" }) }), []);
  assert.equal(pods.get("default", "p")?.status?.phase, "Running");
  const [changed] = await take({ "default/q": podOf("q") });
  assert.equal(changed?.pods[0], first?.pods[0]);
});

const changes: readonly { readonly what: string; readonly more?: Json; readonly metadata?: Json }[] = [
  { what: "labels", metadata: { labels: { a: "b" } } },
  { what: "annotations", metadata: { annotations: { a: "b" } } },
  { what: "a deletion", metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 5 } },
  { what: "the generation", metadata: { generation: 2 } },
  { what: "the spec", more: { spec: { nodeName: "n", containers: [{ name: "c", image: "other" }] } } },
  { what: "a condition of somebody else", more: { status: { conditions: [{ type: "a/gate", status: "True" }] } } },
  { what: "its end", more: { status: { phase: "Failed" } } },
];
for (const { what, more, metadata } of changes) {
  test(`ApiPods tells of a change of ${what}`, async () => {
    const { take, time } = open();
    const [first] = await take({ "default/p": podOf("p") });
    time.jumpWall(60_000);
    const [second] = await take({ "default/p": podOf("p", more, metadata) });
    assert.notEqual(second?.pods[0], first?.pods[0]);
    const seen = (update: SourceUpdate | undefined) =>
      update?.pods[0]?.metadata?.annotations?.["kubernetes.io/config.seen"];
    assert.equal(seen(second), seen(first));
  });
}

test("ApiPods takes a name under a new UID for another pod", async () => {
  const { take } = open();
  await take({ "default/p": podOf("p") });
  const [update] = await take({ "default/p": podOf("p", {}, { uid: "fresh" }) });
  assert.equal(update?.pods[0]?.metadata?.uid, "fresh");
  const [gone] = await take({ "default/p": undefined });
  assert.deepEqual(gone?.pods, []);
});

test("ApiPods runs neither mirror pods nor what is bound to another node", async () => {
  const { take, pods } = open();
  const [update] = await take({
    "default/mirror": podOf("mirror", {}, { annotations: { "kubernetes.io/config.mirror": "hash" } }),
    "default/other": podOf("other", { spec: { nodeName: "m", containers: [] } }),
  });
  assert.deepEqual(update?.pods, []);
  assert.deepEqual(
    pods.mirrors.map(({ metadata }) => metadata?.name),
    ["mirror"],
  );
});

test("ApiPods passes over fields of a newer API server", async () => {
  const { take } = open();
  const [update] = await take({
    "default/p": { ...podOf("p"), spec: { nodeName: "n", mood: "good", containers: [{ name: "c", aura: 1 }] } },
  });
  assert.deepEqual(update?.pods[0]?.spec, { nodeName: "n", containers: [{ name: "c" }] });
  assert.deepEqual(update?.rejected, []);
});

const hostile: readonly { readonly name: string; readonly object: object; readonly field: RegExp }[] = [
  { name: "a number for a name", object: podOf("p", { spec: { nodeName: 7 } }), field: /spec.nodeName/ },
  { name: "a UID that is a path", object: podOf("p", {}, { uid: "../../etc" }), field: /metadata.uid/ },
  {
    name: "a container that is a path",
    object: podOf("p", { spec: { nodeName: "n", containers: [{ name: "../x" }] } }),
    field: /containers/,
  },
  {
    name: "two volumes of one name",
    object: podOf("p", {
      spec: { nodeName: "n", containers: [{ name: "c" }], volumes: [{ name: "v" }, { name: "v" }] },
    }),
    field: /volumes/,
  },
  { name: "no containers", object: podOf("p", { spec: { nodeName: "n" } }), field: /spec.containers/ },
  { name: "another name than it is kept by", object: podOf("q"), field: /metadata.name/ },
];
for (const { name, object, field } of hostile) {
  test(`ApiPods rejects ${name} by name, and keeps what it knew`, async () => {
    const { take } = open();
    const [unknown] = await take({ "default/p": object });
    assert.deepEqual(
      [unknown?.complete, unknown?.rejected[0]?.where, unknown?.rejected[0]?.keptPrevious],
      [false, "default/p", false],
    );
    assert.match(unknown?.rejected[0]?.problems[0]?.field ?? "", field);
    const [good] = await take({ "default/p": podOf("p") });
    const [again] = await take({ "default/p": object });
    assert.equal(again?.pods[0], good?.pods[0]);
    assert.deepEqual([again?.complete, again?.rejected[0]?.keptPrevious], [true, true]);
  });
}
