import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { isFault } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import type { Pod, PodSpec } from "../model/kubernetes.ts";
import { Chance } from "../sim/chance.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import type { ApiCall } from "../sim/kube-api-faults.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { References } from "./references.ts";

const at = (resource: string, namespace: string | undefined = "n") => ({
  group: "",
  version: "v1",
  resource,
  ...(namespace === undefined ? {} : { namespace }),
});
const MAPS = at("configmaps");
const SECRETS = at("secrets");
const CLASSES = { group: "node.k8s.io", version: "v1", resource: "runtimeclasses" };

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function open() {
  const stop = new AbortController();
  const time = new VirtualTime();
  const clock = time.clock(stop.signal);
  const api = new SimKubeApi(clock);
  const calls: ApiCall[] = [];
  api.onCall = (call) => calls.push(call);
  const { signal } = stop;
  const references = new References({ api, clock, random: new Chance(1), log: silentLog }, signal);
  const rung: string[] = [];
  references.onChange((uid) => rung.push(uid));
  references.run(signal).catch(() => {});
  ends.push(() => stop.abort());
  const pass = (ms = 0) => time.runUntil(time.now() + ms, () => {});
  /** How it ends within a while: a value, or the message of its fault. */
  async function outcome<T>(work: Promise<T>, patience = 5_000): Promise<T | string | "still waits"> {
    let settled: T | string = "still waits";
    work.then(
      (value) => {
        settled = value;
      },
      (error: unknown) => {
        assert.ok(isFault(error, "waiting"), String(error));
        settled = error.message;
      },
    );
    await pass(patience);
    return settled;
  }
  const find = (kind: "ConfigMap" | "Secret", name: string) => references.objects.find(kind, "n", name, signal);
  const asked = () =>
    calls.map(({ verb, at: { resource, namespace = "" }, body }) => {
      const selector = (body as { fieldSelector?: string } | undefined)?.fieldSelector ?? "";
      return `${verb} ${namespace}/${resource} ${selector}`.trim();
    });
  return { api, server: api.server, references, rung, calls, asked, pass, time, outcome, find, signal };
}

const podOf = (uid: string, spec: Partial<PodSpec>): Pod => ({
  metadata: { uid, name: uid, namespace: "n" },
  spec: { enableServiceLinks: false, containers: [{ name: "c" }], ...spec },
});
const usesMap = (uid: string, name = "c"): Pod => podOf(uid, { volumes: [{ name: "v", configMap: { name } }] });
const map = (name: string, data: Record<string, string>, more: object = {}) => ({ metadata: { name }, data, ...more });
const services = (calls: readonly string[]) => calls.filter((call) => call.includes("services"));
const maps = (calls: readonly string[]) => calls.filter((call) => call.includes("configmaps"));

test("an object is read with one list and one watch for all pods that name it, until the last is gone", async () => {
  const { server, references, asked, find, outcome, pass } = open();
  server.create(MAPS, map("c", { a: "1" }));
  references.want([usesMap("p"), usesMap("q")]);
  assert.deepEqual((await outcome(find("ConfigMap", "c"))) as object, server.get(MAPS, "c"));
  assert.deepEqual(maps(asked()), ["list n/configmaps metadata.name=c", "watch n/configmaps metadata.name=c"]);
  references.want([usesMap("q")]);
  await pass();
  assert.equal(references.sizes.referencedObjects, 1);
  references.want([]);
  await pass();
  assert.deepEqual(references.sizes, { referencedObjects: 0, tokens: 0, serviceNamespaces: 0, references: 0 });
  assert.equal(server.watches, 1, "that of the API server's own service");
  assert.equal(await outcome(find("ConfigMap", "c")), 'object "n"/"c" not registered');
});

test("every place that names an object counts", async () => {
  const { references, asked, pass } = open();
  const ref = (name: string) => ({ name, key: "k" });
  references.want([
    podOf("p", {
      imagePullSecrets: [{ name: "pull" }, { name: "" }, {}],
      volumes: [
        { name: "v", secret: { secretName: "vol" } },
        { name: "w", projected: { sources: [{ secret: { name: "proj" } }, { configMap: { name: "proj" } }] } },
      ],
      initContainers: [{ name: "i", envFrom: [{ configMapRef: { name: "from" } }, { secretRef: { name: "from" } }] }],
      containers: [{ name: "c", env: [{ name: "A", valueFrom: { secretKeyRef: ref("env") } }] }],
      ephemeralContainers: [{ name: "e", env: [{ name: "A", valueFrom: { configMapKeyRef: ref("eph") } }] }],
    }),
  ]);
  await pass();
  const lists = new Set(asked().filter((call) => call.startsWith("list") && !call.includes("services")));
  assert.deepEqual([...lists].map((call) => call.replace("metadata.name=", "")).sort(), [
    "list n/configmaps eph",
    "list n/configmaps from",
    "list n/configmaps proj",
    "list n/secrets env",
    "list n/secrets from",
    "list n/secrets proj",
    "list n/secrets pull",
    "list n/secrets vol",
  ]);
});

test("a change rings the pods that name it, and gives them a new revision", async () => {
  const { server, references, rung, find, outcome, pass } = open();
  server.create(MAPS, map("c", { a: "1" }));
  server.create(MAPS, map("d", { a: "1" }));
  references.want([usesMap("p"), usesMap("q"), usesMap("other", "d")]);
  await outcome(find("ConfigMap", "c"));
  assert.deepEqual(rung, [], "nobody waited for the first answer");
  const before = references.revision("p");
  server.put(MAPS, map("c", { a: "2" }));
  await pass();
  assert.deepEqual(rung, ["p", "q"]);
  assert.notEqual(references.revision("p"), before);
  assert.equal(references.revision("other"), 0);
  server.delete(MAPS, "c");
  await pass();
  assert.deepEqual(rung, ["p", "q", "p", "q"]);
  assert.equal(await outcome(find("ConfigMap", "c")), undefined);
});

test("what was missing rings as soon as it is there", async () => {
  const { server, references, rung, find, outcome, pass } = open();
  references.want([usesMap("p")]);
  assert.equal(await outcome(find("ConfigMap", "c")), undefined);
  assert.equal(references.objects.whyMissing("ConfigMap", "n", "c"), 'configmap "c" not found');
  server.create(MAPS, map("c", {}));
  await pass();
  assert.deepEqual(rung, ["p"]);
});

test("what was made just before the pod is found, though the server's cache has not heard of it", async () => {
  const { server, references, asked, find, outcome, signal } = open();
  server.create(MAPS, map("c", { a: "1" }));
  server.create(CLASSES, { metadata: { name: "gvisor" }, handler: "runsc" } as never);
  server.cacheLag = 2;
  const pod = podOf("p", { volumes: [{ name: "v", configMap: { name: "c" } }], runtimeClassName: "gvisor" });
  references.want([pod]);
  assert.deepEqual((await outcome(find("ConfigMap", "c"))) as object, server.get(MAPS, "c"));
  assert.equal(await outcome(references.runtimeHandler(pod, signal)), "runsc");
  assert.deepEqual(
    asked().filter((call) => call.startsWith("list n/configmaps")),
    ["list n/configmaps metadata.name=c", "list n/configmaps metadata.name=c"],
  );
});

test("a server that is away: what was read is served, what was not says why and rings when it is", async () => {
  const { api, server, references, rung, find, outcome, pass } = open();
  server.create(MAPS, map("c", { a: "1" }));
  server.create(MAPS, map("d", { a: "1" }));
  references.want([usesMap("p")]);
  await outcome(find("ConfigMap", "c"));
  api.faults.down = true;
  server.cutWatches();
  references.want([usesMap("p"), usesMap("q", "d")]);
  await pass(60_000);
  assert.ok(typeof (await outcome(find("ConfigMap", "c"))) === "object");
  const why = await outcome(find("ConfigMap", "d"));
  assert.match(String(why), /^failed to sync configmap cache: Cannot reach the API server/);
  api.faults.down = false;
  await pass(60_000);
  assert.ok(rung.includes("q"));
  assert.ok(typeof (await outcome(find("ConfigMap", "d"))) === "object");
});

test("a first 'forbidden' is asked again in milliseconds: the authorizer hears of a pod after we do", async () => {
  const { api, server, references, find, outcome, time } = open();
  server.create(MAPS, map("c", { a: "1" }));
  api.faults.judge = ({ at: { resource } }) =>
    resource === "configmaps" && time.now() < 50 ? { kind: "refused", status: 403, reason: "Forbidden" } : undefined;
  references.want([usesMap("p")]);
  assert.ok(typeof (await outcome(find("ConfigMap", "c"), 100)) === "object");
});

test("an immutable object is not watched any more, and what it holds stays", async () => {
  const { server, references, find, outcome, pass } = open();
  server.create(SECRETS, { metadata: { name: "s" }, data: { a: "MQ==" }, immutable: true } as never);
  references.want([podOf("p", { imagePullSecrets: [{ name: "s" }] })]);
  await outcome(find("Secret", "s"));
  assert.equal(server.watches, 1, "that of the API server's own service");
  server.delete(SECRETS, "s");
  await pass(60_000);
  assert.ok(typeof (await outcome(find("Secret", "s"))) === "object");
});

test("a pod that changes keeps what it still names, and drops what it does not", async () => {
  const { server, references, calls, find, outcome } = open();
  server.create(MAPS, map("c", { a: "1" }));
  references.want([usesMap("p")]);
  await outcome(find("ConfigMap", "c"));
  const before = calls.length;
  const debugged = { ...usesMap("p") };
  const ephemeral = { name: "e", envFrom: [{ configMapRef: { name: "e" } }] };
  references.want([{ ...debugged, spec: { ...debugged.spec, containers: [], ephemeralContainers: [ephemeral] } }]);
  assert.equal(await outcome(find("ConfigMap", "e")), undefined);
  assert.deepEqual(
    calls.slice(before).map(({ verb }) => verb),
    ["list", "list", "watch"],
  );
});

test("services: those of the pod's namespace and the API server's own, no others", async () => {
  const { server, references, asked, outcome, pass, signal } = open();
  const service = (name: string) => ({ metadata: { name }, spec: { clusterIP: "10.0.0.1", ports: [{ port: 80 }] } });
  server.create(at("services", "default"), service("kubernetes"));
  server.create(at("services", "default"), service("other"));
  server.create(at("services"), service("web"));
  const linked = podOf("p", { enableServiceLinks: true });
  const bare = podOf("q", {});
  references.want([linked, bare]);
  const names = async (pod: Pod) =>
    ((await outcome(references.services(pod, signal))) as { metadata: { name: string } }[]).map(
      ({ metadata }) => metadata.name,
    );
  assert.deepEqual(await names(linked), ["web", "kubernetes"]);
  assert.deepEqual(await names(bare), ["kubernetes"]);
  assert.deepEqual(services(asked()).sort(), [
    "list default/services metadata.name=kubernetes",
    "list n/services",
    "watch default/services metadata.name=kubernetes",
    "watch n/services",
  ]);
  references.want([bare]);
  await pass();
  assert.equal(server.watches, 1);
});

test("services: a pod waits until they were read once, a static pod does not", async () => {
  const { api, references, rung, outcome, pass, signal } = open();
  api.faults.down = true;
  const pod = podOf("p", {});
  const fixed = { ...pod, metadata: { ...pod.metadata, annotations: { "kubernetes.io/config.source": "file" } } };
  references.want([pod]);
  assert.match(
    String(await outcome(references.services(pod, signal))),
    /^services have not yet been read at least once, cannot construct envvars: Cannot reach/,
  );
  assert.deepEqual(await outcome(references.services(fixed, signal)), []);
  api.faults.down = false;
  await pass(60_000);
  assert.deepEqual(rung, ["p"]);
});

test("RuntimeClasses are read when a pod names one, and ring when they change", async () => {
  const { server, references, asked, rung, outcome, pass, signal } = open();
  const plain = podOf("p", {});
  const sandboxed = podOf("q", { runtimeClassName: "gvisor" });
  references.want([plain]);
  assert.equal(await outcome(references.runtimeHandler(plain, signal)), "");
  assert.ok(!asked().some((call) => call.includes("runtimeclasses")));
  references.want([plain, sandboxed]);
  const handler = () => outcome(references.runtimeHandler(sandboxed, signal));
  assert.equal(await handler(), 'runtimeclass.node.k8s.io "gvisor" not found');
  rung.length = 0;
  server.create(CLASSES, { metadata: { name: "gvisor" }, handler: "runsc" } as never);
  await pass();
  assert.deepEqual(rung, ["q"]);
  assert.equal(await handler(), "runsc");
  server.put(CLASSES, { metadata: { name: "gvisor" }, handler: "../evil" } as never);
  await pass();
  assert.match(String(await handler()), /no usable handler/);
});
