import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { Collection } from "../ports/kube-api.ts";
import { Chance } from "../sim/chance.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import type { ApiCall } from "../sim/kube-api-faults.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Reflector, type ReflectorOptions } from "./reflector.ts";

const PODS: Collection = { group: "", version: "v1", resource: "pods" };
const INSIDE: Collection = { ...PODS, namespace: "default" };

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function start(options: Partial<ReflectorOptions<Pod>> = {}, prepare: (api: SimKubeApi) => void = () => {}) {
  const stop = new AbortController();
  const time = new VirtualTime();
  const clock = time.clock(stop.signal);
  const api = new SimKubeApi(clock);
  const calls: ApiCall[] = [];
  api.onCall = (call) => calls.push(call);
  prepare(api);
  const changes: string[][] = [];
  const troubles: (KubeletError | undefined)[] = [];
  const reflector = new Reflector<Pod>(
    {
      at: PODS,
      onChange: (keys) => changes.push([...keys].sort()),
      onTrouble: (trouble) => troubles.push(trouble),
      ...options,
    },
    { api, clock, random: new Chance(1), log: silentLog },
  );
  const done = reflector.run(stop.signal).catch((error: unknown) => error);
  ends.push(() => stop.abort());
  const pass = (ms = 0) => time.runUntil(time.now() + ms, () => {});
  const verbs = () => calls.map(({ verb }) => verb);
  return { api, server: api.server, reflector, changes, troubles, calls, verbs, pass, time, stop, done };
}

const pod = (name: string, fields: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { nodeName: "node", containers: [], ...fields },
});

const versionOf = (call: ApiCall | undefined) =>
  (call?.body as { readonly resourceVersion?: string } | undefined)?.resourceVersion;

test("the first list comes from the cache and is told once, even when it is empty", async () => {
  const { reflector, changes, calls, pass } = start();
  assert.equal(reflector.hasSynced, false);
  await pass();
  await reflector.synced;
  assert.deepEqual(changes, [[]]);
  assert.deepEqual(calls[0]?.body, { fieldSelector: undefined, resourceVersion: "0" });
});

test("changes are kept and told, a burst of them together", async () => {
  const { server, reflector, changes, verbs, pass } = start();
  await pass();
  server.create(INSIDE, pod("a"));
  server.create(INSIDE, pod("b"));
  await pass();
  server.delete(INSIDE, "a", { gracePeriodSeconds: 0 });
  await pass();
  assert.deepEqual(changes, [[], ["default/a", "default/b"], ["default/a"]]);
  assert.equal(reflector.get("default/a"), undefined);
  assert.equal(reflector.get("default/b")?.metadata?.name, "b");
  assert.deepEqual(verbs(), ["list", "watch"]);
});

test("only what the field selector names is seen, and what ceases to match is gone", async () => {
  const { server, reflector, changes, pass } = start({ fieldSelector: "spec.nodeName=node" });
  await pass();
  server.create(INSIDE, pod("mine"));
  server.create(INSIDE, pod("other", { nodeName: "elsewhere" }));
  await pass();
  assert.deepEqual(changes, [[], ["default/mine"]]);
  server.put(INSIDE, pod("mine", { nodeName: "elsewhere" }));
  await pass();
  assert.deepEqual(reflector.all(), []);
});

test("a watch that ends goes on from where it was, by bookmarks even in a quiet cluster", async () => {
  const { server, calls, changes, pass } = start({ fieldSelector: "spec.nodeName=node" });
  await pass();
  for (let i = 0; i < 50; i++) server.create(INSIDE, pod(`other-${i}`, { nodeName: "elsewhere" }));
  await pass(90_000);
  server.compact();
  await pass(11 * 60_000);
  const watches = calls.filter(({ verb }) => verb === "watch");
  assert.equal(watches.length, 2);
  assert.equal(versionOf(watches[1]), server.resourceVersion);
  assert.equal(changes.length, 1, "nothing changed");
});

test("watches last 5 to 10 minutes by chance", async () => {
  const { calls, pass } = start();
  await pass(3600_000);
  const spans = calls
    .filter(({ verb }) => verb === "watch")
    .map(({ body }) => (body as { timeoutSeconds: number }).timeoutSeconds);
  assert.ok(spans.length >= 6 && spans.length <= 13, `${spans.length} watches in an hour`);
  assert.ok(spans.every((span) => span >= 300 && span <= 600));
  assert.ok(new Set(spans).size > 3);
});

test("410 leads to a list of the newest at once, and what vanished meanwhile is told", async () => {
  const { api, server, reflector, changes, verbs, calls, pass, troubles } = start();
  await pass();
  for (const name of ["stays", "changes", "vanishes"]) server.create(INSIDE, pod(name));
  await pass();
  api.faults.down = true;
  server.cutWatches();
  await pass();
  server.delete(INSIDE, "vanishes", { gracePeriodSeconds: 0 });
  server.patch(INSIDE, "changes", "merge", { metadata: { labels: { a: "b" } } });
  server.create(INSIDE, pod("new"));
  server.compact();
  api.faults.down = false;
  await pass(5000);
  assert.deepEqual(verbs(), ["list", "watch", "watch", "list", "watch"]);
  assert.equal(versionOf(calls[3]), undefined);
  assert.deepEqual(changes.at(-1), ["default/changes", "default/new", "default/vanishes"]);
  assert.equal(reflector.get("default/vanishes"), undefined);
  assert.equal(troubles.at(-1), undefined);
});

test("a pod that was replaced by a namesake between two lists is told", async () => {
  const { server, reflector, changes, pass } = start();
  server.create(INSIDE, pod("web"));
  await pass();
  const before = reflector.get("default/web")?.metadata?.uid;
  server.cutWatches();
  server.delete(INSIDE, "web", { gracePeriodSeconds: 0 });
  server.create(INSIDE, pod("web"));
  server.compact();
  await pass(5000);
  assert.deepEqual(changes.at(-1), ["default/web"]);
  assert.notEqual(reflector.get("default/web")?.metadata?.uid, before);
});

test("a server that is down is asked less and less, and trouble is told until it is over", async () => {
  const { api, verbs, troubles, pass } = start({}, ({ faults }) => {
    faults.down = true;
  });
  await pass(3600_000);
  const asked = verbs().length;
  assert.ok(asked > 200 && asked < 330, `${asked} requests in an hour`);
  assert.match(troubles.at(-1)?.message ?? "", /Cannot reach the API server/);
  api.faults.down = false;
  await pass(60_000);
  assert.deepEqual(verbs().slice(-2), ["list", "watch"]);
  assert.equal(troubles.at(-1), undefined);
});

test("twenty restarts of the server cause no storm, and nothing is missed", async () => {
  const { api, server, reflector, verbs, pass } = start();
  await pass();
  for (let restart = 0; restart < 20; restart++) {
    api.faults.down = true;
    server.cutWatches();
    await pass(3000);
    api.faults.down = false;
    server.create(INSIDE, pod(`pod-${restart}`));
    await pass(10_000);
  }
  await pass(60_000);
  assert.equal(reflector.all().length, 20);
  assert.ok(verbs().length <= 65, `${verbs().length} requests`);
  assert.equal(verbs().filter((verb) => verb === "list").length, 1, "one list is enough");
});

test("Retry-After is obeyed", async () => {
  const { verbs, pass } = start({}, ({ faults }) => {
    faults.next.push({ kind: "refused", status: 429, reason: "TooManyRequests", retryAfter: seconds(20) });
  });
  await pass(19_900);
  assert.deepEqual(verbs(), ["list"]);
  await pass(6000);
  assert.deepEqual(verbs(), ["list", "list", "watch"]);
});

test("watches that end at once are not begun anew at once", async () => {
  const { server, verbs, pass } = start();
  await pass();
  for (let turn = 0; turn < 600; turn++) {
    server.cutWatches(true);
    await pass(100);
  }
  assert.ok(verbs().length < 12, `${verbs().length} requests in a minute`);
});

test("a server that forgets each version at once is not listed without pause", async () => {
  const { api, verbs, pass } = start();
  api.faults.judge = ({ verb }) => (verb === "watch" ? { kind: "refused", status: 410, reason: "Expired" } : undefined);
  await pass(60_000);
  assert.ok(verbs().length < 16, `${verbs().length} requests in a minute`);
});

test("a version that the server keeps refusing is given up", async () => {
  const { api, server, verbs, pass } = start();
  await pass();
  api.faults.judge = ({ verb }) => (verb === "watch" ? { kind: "refused", status: 500 } : undefined);
  server.cutWatches();
  await pass(30_000);
  assert.equal(verbs().filter((verb) => verb === "list").length, 2);
});

test("managed fields are dropped, and `keep` decides about the rest", async () => {
  const { server, reflector, changes, pass } = start({
    keep: (pod) => (pod.metadata?.labels?.skip ? undefined : { metadata: pod.metadata }),
  });
  const object = pod("a");
  server.put(INSIDE, { ...object, metadata: { ...object.metadata, managedFields: [{ manager: "x" }] } } as never);
  await pass();
  assert.deepEqual(changes, [["default/a"]]);
  assert.deepEqual(Object.keys(reflector.get("default/a") ?? {}), ["metadata"]);
  assert.equal(reflector.get("default/a")?.metadata?.managedFields, undefined);
  server.patch(INSIDE, "a", "merge", { metadata: { labels: { skip: "yes" } } });
  await pass();
  assert.equal(reflector.get("default/a"), undefined);
  assert.deepEqual(changes.at(-1), ["default/a"]);
});

test("run() ends with the signal's reason, and with what onChange throws", async () => {
  const first = start();
  await first.pass();
  first.stop.abort(new Error("over"));
  assert.match(String(await first.done), /over/);
  const bug = new TypeError("broken");
  const second = start({
    onChange: (changed) => {
      if (changed.size > 0) throw bug;
    },
  });
  await second.pass();
  second.server.create(INSIDE, pod("a"));
  await second.pass(1);
  assert.equal(await second.done, bug);
});

test("it follows whatever goes wrong: seeded", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const chance = new Chance(seed);
    const { api, server, reflector, time, pass } = start();
    const known = new Map<string, Pod>();
    for (let step = 0; step < 60; step++) {
      const name = `pod-${chance.between(0, 5)}`;
      if (server.find(INSIDE, name)) {
        if (chance.happens(0.5)) server.delete(INSIDE, name, { gracePeriodSeconds: 0 });
        else server.patch(INSIDE, name, "merge", { metadata: { labels: { step: `${step}` } } });
      } else server.create(INSIDE, pod(name));
      if (chance.happens(0.2)) server.cutWatches(chance.happens(0.5));
      if (chance.happens(0.1)) server.compact();
      api.faults.down = chance.happens(0.2);
      api.faults.latency = () => chance.between(0, 300);
      server.cacheLag = chance.between(0, 5);
      await pass(millis(chance.between(0, 4000)));
    }
    api.faults.down = false;
    await pass(120_000);
    for (const item of server.list<Pod>(PODS).items) known.set(item.metadata?.name ?? "", item);
    const held = new Map(reflector.all().map((item) => [item.metadata?.name ?? "", item]));
    assert.deepEqual(held, known, `seed ${seed} at ${time.now()}`);
  }
});
