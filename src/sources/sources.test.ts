import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Bell } from "../base/bell.ts";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { instant, seconds } from "../base/units.ts";
import { nameOf, uidOf } from "../model/pod.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileStat, Files } from "../ports/files.ts";
import type { HttpClient } from "../ports/http.ts";
import type { SourcesOptions, SourceUpdate } from "./index.ts";
import { mergeSources, readSources } from "./index.ts";
import { readManifest } from "./manifest.ts";
import type { Origin } from "./update.ts";

const utf8 = new TextEncoder();
const FOLDER = "/m";
const START = Date.parse("2026-01-02T03:04:05Z");
const manifest = (name: string, more = "", metadata = ""): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n${metadata}spec:\n  containers:\n  - name: c\n    image: ${name}:1\n${more}`;

/** Virtual time: sleepers wake when the test moves the clock. */
class TestClock implements Clock {
  #now = 0;
  #sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  monotonic = () => instant(this.#now);
  wall = () => new Date(START + this.#now);
  sleep(span: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    this.#sleepers.push({ at: this.#now + span, wake: resolve });
    return promise;
  }
  async pass(span: number): Promise<void> {
    const end = this.#now + span;
    while (true) {
      await quiet();
      const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.#now = next.at;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      next.wake();
    }
    this.#now = end;
    await quiet();
  }
}

/** Lets every promise that can go on go on; also reads what is imported lazily. */
async function quiet(): Promise<void> {
  await Promise.all([import("yaml"), import("../model/go-pod-dump.ts")]);
  for (let turn = 0; turn < 60; turn++) await new Promise((resolve) => setImmediate(resolve));
}

interface TestFile {
  readonly text: string | { readonly errno: string };
  readonly inode: number;
  readonly modifiedAt: number;
}

/** Just what the sources use. */
class TestFiles {
  readonly entries = new Map<string, TestFile>();
  readonly #clock: TestClock;
  readonly #bell = new Bell();
  #inodes = 0;
  folder = true;
  constructor(clock: TestClock) {
    this.#clock = clock;
  }
  /** A new file renamed into place. */
  put(name: string, text: TestFile["text"]): void {
    this.entries.set(`${FOLDER}/${name}`, { text, inode: ++this.#inodes, modifiedAt: this.#clock.wall().getTime() });
    this.#bell.ring();
  }
  /** The same file with other content. */
  write(name: string, text: string): void {
    const path = `${FOLDER}/${name}`;
    const inode = this.entries.get(path)?.inode ?? ++this.#inodes;
    this.entries.set(path, { text, inode, modifiedAt: this.#clock.wall().getTime() });
    this.#bell.ring();
  }
  move(from: string, to: string): void {
    const file = this.entries.get(`${FOLDER}/${from}`);
    this.entries.delete(`${FOLDER}/${from}`);
    if (file) this.entries.set(`${FOLDER}/${to}`, file);
    this.#bell.ring();
  }
  drop(name: string): void {
    this.entries.delete(`${FOLDER}/${name}`);
    this.#bell.ring();
  }
  port(): Files {
    const { entries } = this;
    const port: Pick<Files, "read" | "statFollow" | "list" | "watch"> = {
      read: async (path) => {
        const file = entries.get(path);
        if (typeof file?.text === "object")
          throw new KubeletError(`Cannot read ${path}`, { code: "file-failed", path, errno: file.text.errno });
        return file && utf8.encode(file.text);
      },
      statFollow: async (path) => {
        const file = entries.get(path);
        if (!file) return this.folder && path === FOLDER ? statOf("directory", 1, 0, 0) : undefined;
        return statOf("file", file.inode, typeof file.text === "string" ? file.text.length : 0, file.modifiedAt);
      },
      list: async (path) =>
        this.folder
          ? [...entries.keys()]
              .filter((key) => dirname(key) === path)
              .map((key) => key.slice(path.length + 1))
              .sort()
          : undefined,
      watch: (_, signal) => this.#watch(signal),
    };
    return port as Files;
  }
  async *#watch(signal: AbortSignal): AsyncIterable<void> {
    yield;
    while (true) {
      await this.#bell.wait(signal);
      yield;
    }
  }
}

const statOf = (kind: FileStat["kind"], inode: number, size: number, modifiedAt: number): FileStat => ({
  kind,
  inode,
  size,
  modifiedAt,
  mode: 0o644,
  uid: 0,
  gid: 0,
});

const noHttp: HttpClient = { get: () => Promise.reject(new Error("no network")) };

/** A running source and what it said. */
async function start(options: Partial<SourcesOptions> = {}, http = noHttp) {
  const clock = new TestClock();
  const files = new TestFiles(clock);
  const abort = new AbortController();
  const updates: SourceUpdate[] = [];
  const all: SourcesOptions = {
    nodeName: "node1",
    staticPodPath: FOLDER,
    fileCheckFrequency: seconds(20),
    httpCheckFrequency: seconds(20),
    ...options,
  };
  const begin = async () => {
    for await (const update of readSources(all, { files: files.port(), http, clock, log: silentLog }, abort.signal))
      updates.push(update);
  };
  let done: Promise<void> | undefined;
  const last = () =>
    updates.at(-1) ?? { source: "file" as const, pods: [], rejected: [], warnings: [], complete: false };
  return {
    clock,
    files,
    updates,
    last,
    names: () => last().pods.map(nameOf),
    uids: () => last().pods.map(uidOf),
    go: async () => {
      done = begin();
      await quiet();
    },
    stop: async () => {
      abort.abort(new Error("stop"));
      await assert.rejects(done ?? Promise.reject(new Error("stop")), /stop/);
    },
  };
}

test("readSources() gives an empty set for an absent folder, then what appears in it at once", async () => {
  const source = await start();
  source.files.folder = false;
  await source.go();
  assert.deepEqual(source.updates, [{ source: "file", pods: [], rejected: [], warnings: [], complete: true }]);
  source.files.folder = true;
  source.files.put("web.yaml", manifest("web"));
  await quiet();
  assert.deepEqual(source.names(), ["web-node1"]);
  await source.stop();
});

test("readSources() stamps a pod as the Go kubelet does", async () => {
  const source = await start();
  source.files.put("web.yaml", manifest("web", "", "  annotations: {a: b}\n"));
  await source.go();
  const [pod] = source.last().pods;
  const uid = pod?.metadata?.uid ?? "";
  assert.match(uid, /^[0-9a-f]{32}$/);
  assert.deepEqual(pod?.metadata, {
    name: "web-node1",
    namespace: "default",
    uid,
    annotations: {
      a: "b",
      "kubernetes.io/config.hash": uid,
      "kubernetes.io/config.source": "file",
      "kubernetes.io/config.seen": "2026-01-02T03:04:05.000Z",
    },
  });
  assert.equal(pod?.spec?.nodeName, "node1");
  assert.deepEqual(pod?.spec?.tolerations, [{ operator: "Exists", effect: "NoExecute" }]);
  assert.deepEqual(pod?.status, { phase: "Pending" });
  await source.stop();
});

test("a manifest's UID follows content, path and node, and an explicit one stays", async () => {
  const origin: Origin = { source: "file", where: "/m/a", nodeName: "n", seen: new Date(START) };
  const uid = async (text: string, changed: Partial<Origin> = {}) => {
    const read = await readManifest(utf8.encode(text), { ...origin, ...changed });
    assert.equal(read.kind, "pods", JSON.stringify(read));
    return read.kind === "pods" && read.pods[0] && uidOf(read.pods[0]);
  };
  const base = await uid(manifest("web"));
  assert.equal(await uid(`# comment\n${manifest("web")}`, { seen: new Date() }), base);
  assert.notEqual(await uid(manifest("web", "    args: [x]\n")), base);
  assert.notEqual(await uid(manifest("web"), { where: "/m/b" }), base);
  assert.notEqual(await uid(manifest("web"), { nodeName: "m" }), base);
  const url = { source: "http" as const, where: "http://x" };
  assert.equal(await uid(manifest("web"), url), await uid(manifest("web"), { ...url, nodeName: "m" }));
  assert.equal(await uid(manifest("web", "", "  uid: abc-1\n")), "abc-1");
});

test("a bad manifest is reported, with the pod it was meant to be, and harms no other", async () => {
  const source = await start();
  source.files.put("a.yaml", manifest("a"));
  source.files.put(
    "b.yaml",
    manifest("b", "    imagePullPolicy: Sometimes\n    volumeMounts: [{name: v, mountPath: /x}]\n"),
  );
  source.files.put("c.yaml", "{not: [yaml\n");
  source.files.put("d.yaml", { errno: "EFBIG" });
  source.files.put("e.yaml", manifest("e", "  hostnetwork: true\n---\nkind: Service\n"));
  source.files.put("f.yaml", manifest("f", "    envFrom: [{configMapRef: {name: x}}]\n"));
  source.files.put("g.yaml", manifest("g").replace("kind: Pod", "kind: PodList"));
  source.files.put("h.yaml", manifest("h", "", "  uid: ../../etc\n"));
  source.files.put(".hidden.yaml", "x");
  await source.go();
  await source.clock.pass(200);
  assert.deepEqual(source.names(), ["a-node1", "e-node1"]);
  const rejected = source
    .last()
    .rejected.map(({ where, name, problems, keptPrevious }) => [
      where,
      name,
      problems.map(({ field }) => field),
      keptPrevious,
    ]);
  assert.deepEqual(rejected, [
    ["/m/b.yaml", "b", ["spec.containers[0].imagePullPolicy", "spec.containers[0].volumeMounts[0].name"], false],
    ["/m/c.yaml", undefined, ["2:1", "2:1"], false],
    ["/m/d.yaml", undefined, [""], false],
    ["/m/f.yaml", "f", ["spec.containers[0].envFrom[0].configMapRef"], false],
    ["/m/g.yaml", "g", ["kind"], false],
    ["/m/h.yaml", "h", ["metadata.uid"], false],
  ]);
  assert.deepEqual(
    source.last().warnings.map(({ where, problems }) => [where, ...problems.map(({ field }) => field)]),
    [
      ["/m/e.yaml", "spec.hostnetwork"],
      ["/m/e.yaml", ""],
    ],
  );
  assert.equal(source.last().complete, false);
  await source.stop();
});

test("a file that breaks keeps its pod, one that goes takes it away", async () => {
  const source = await start();
  source.files.put("web.yaml", manifest("web"));
  await source.go();
  const before = source.uids();
  source.files.write("web.yaml", "kind: [\n");
  await source.clock.pass(200);
  assert.deepEqual(source.uids(), before);
  assert.equal(source.last().rejected[0]?.keptPrevious, true);
  source.files.drop("web.yaml");
  await source.clock.pass(200);
  assert.deepEqual(source.names(), []);
  assert.deepEqual(source.last().rejected, []);
  await source.stop();
});

test("a file that an editor takes away for a moment loses nothing, and a rename gives a new UID at once", async () => {
  const source = await start();
  source.files.put("web.yaml", manifest("web"));
  await source.go();
  const before = source.uids();
  source.files.drop("web.yaml");
  await source.clock.pass(50);
  source.files.put("web.yaml", manifest("web"));
  await source.clock.pass(200);
  assert.equal(source.updates.length, 1);
  source.files.move("web.yaml", "w.yaml");
  await quiet();
  assert.deepEqual(source.names(), ["web-node1"]);
  assert.notDeepEqual(source.uids(), before);
  assert.deepEqual(source.last().rejected, []);
  await source.stop();
});

test("of two files with one pod the first in name order has it", async () => {
  const source = await start();
  source.files.put("b.yaml", manifest("web"));
  await source.go();
  const before = source.uids();
  source.files.put("c.yaml", manifest("web", "    args: [x]\n"));
  await quiet();
  assert.deepEqual(source.uids(), before);
  assert.match(source.last().rejected[0]?.problems[0]?.message ?? "", /default\/web-node1.*\/m\/b.yaml has already/);
  source.files.drop("b.yaml");
  await source.clock.pass(200);
  assert.notDeepEqual(source.uids(), before);
  assert.deepEqual(source.last().rejected, []);
  await source.stop();
});

test("a change is found by scanning where no notice comes, and an unchanged folder says nothing", async () => {
  const source = await start();
  source.files.put("a.yaml", manifest("a"));
  await source.go();
  await source.clock.pass(61_000);
  assert.equal(source.updates.length, 1);
  source.files.entries.set("/m/b.yaml", { text: manifest("b"), inode: 99, modifiedAt: START });
  await source.clock.pass(20_000);
  assert.deepEqual(source.names(), ["a-node1", "b-node1"]);
  await source.stop();
});

test("the path may be one file", async () => {
  const source = await start({ staticPodPath: "/m/only.yaml" });
  source.files.put("only.yaml", manifest("only"));
  source.files.put("other.yaml", manifest("other"));
  await source.go();
  assert.deepEqual(source.names(), ["only-node1"]);
  await source.stop();
});

test("a manifest written piece by piece never removes its pod nor shows another", async () => {
  const before = manifest("web");
  const after = manifest("web", "    args: [run, now]\n    env: [{name: A, value: b}]\n", "  labels: {app: web}\n");
  const whole = await readUids(before, after);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 0, max: after.length - 1 }), { minLength: 1, maxLength: 4 }),
      async (cuts) => {
        const source = await start();
        source.files.put("web.yaml", before);
        await source.go();
        for (const cut of cuts.toSorted((a, b) => a - b)) {
          source.files.write("web.yaml", after.slice(0, cut));
          await source.clock.pass(90);
          assert.deepEqual(source.uids(), [whole[0]]);
        }
        source.files.write("web.yaml", after);
        await source.clock.pass(250);
        assert.deepEqual(source.uids(), [whole[1]]);
        assert.ok(source.updates.every(({ pods, rejected }) => pods.length === 1 && rejected.length === 0));
        await source.stop();
      },
    ),
    { numRuns: 15 },
  );
});

async function readUids(...texts: readonly string[]) {
  const origin: Origin = { source: "file", where: "/m/web.yaml", nodeName: "node1", seen: new Date(START) };
  const read = await Promise.all(texts.map((text) => readManifest(utf8.encode(text), origin)));
  return read.map((one) => one.kind === "pods" && one.pods[0] && uidOf(one.pods[0]));
}

test("readManifest() answers any bytes", async () => {
  const origin: Origin = { source: "http", where: "http://x", nodeName: "n", seen: new Date(START) };
  const text = manifest("web");
  const mangled = fc
    .tuple(fc.nat(text.length), fc.nat(text.length), fc.string({ maxLength: 8 }))
    .map(([from, to, put]) => utf8.encode(text.slice(0, from) + put + text.slice(to)));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array(), mangled), async (bytes) => {
      const read = await readManifest(bytes, origin);
      assert.ok(read.kind === "pods" || read.problems.length > 0);
    }),
    { numRuns: 300 },
  );
});

test("readManifest() names the misspelt field beside the one that is missing for it", async () => {
  const origin: Origin = { source: "file", where: "/m/x", nodeName: "n", seen: new Date(START) };
  const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containres":[{"name":"c","image":"i"}]}}`;
  const list = `{"apiVersion":"v1","kind":"PodList","items":[${pod}]}`;
  const fields = async (text: string, source: "file" | "http") => {
    const read = await readManifest(utf8.encode(text), { ...origin, source });
    return read.kind === "invalid" ? read.problems.map(({ field }) => field) : [];
  };
  assert.deepEqual(await fields(pod, "file"), ["spec.containers", "spec.containres"]);
  assert.deepEqual(await fields(list, "http"), ["items[0].spec.containers", "items[0].spec.containres"]);
});

test("readManifest() survives depth, size and endless mistakes", async () => {
  const origin: Origin = { source: "file", where: "/m/x", nodeName: "n", seen: new Date(START) };
  const pod = (metadata: string) =>
    `{"apiVersion":"v1","kind":"Pod","metadata":${metadata},"spec":{"containers":[{"name":"c","image":"i"}]}}`;
  const deep = `{"name":"x","managedFields":[{"fieldsV1":{"a":${"[".repeat(300_000)}${"]".repeat(300_000)}}}]}`;
  const cases: readonly (readonly [string, RegExp])[] = [
    [pod(deep), /nested too deeply/],
    [pod(`{"name":"x","finalizers":[${"1,".repeat(1000)}1]}`), /has 951 more problems/],
    ["a".repeat(11 * 1024 * 1024), /more than 10485760 bytes/],
    ["a: b\n".repeat(200_000), /not JSON/],
  ];
  for (const [text, message] of cases) {
    const read = await readManifest(utf8.encode(text), origin);
    assert.match(read.kind === "invalid" ? (read.problems.at(-1)?.message ?? "") : "no problem", message);
  }
});

test("the URL source keeps pods through failures and takes lists whole", async () => {
  let answer: { status: number; body: string } | Error = new Error("connection refused");
  const asked: unknown[] = [];
  const http: HttpClient = {
    get: async (url, headers, limits) => {
      asked.push([url, headers, limits]);
      if (answer instanceof Error) throw answer;
      return { status: answer.status, body: utf8.encode(answer.body) };
    },
  };
  const pods = (...names: readonly string[]) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "PodList",
      items: names.map((name) => ({ metadata: { name }, spec: { containers: [{ name: "c", image: "i" }] } })),
    });
  const source = await start(
    { staticPodPath: "", staticPodUrl: "http://h/p", staticPodUrlHeader: { Token: ["x"] } },
    http,
  );
  await source.go();
  assert.deepEqual(asked[0], ["http://h/p", { Token: ["x"] }, { timeoutMs: 10_000, maxBytes: 10 * 1024 * 1024 }]);
  assert.equal(source.last().complete, false);
  assert.match(source.last().rejected[0]?.problems[0]?.message ?? "", /connection refused/);
  const turn = async (next: typeof answer) => {
    answer = next;
    await source.clock.pass(20_000);
    return source.names();
  };
  assert.deepEqual(await turn({ status: 200, body: pods("a", "b") }), ["a-node1", "b-node1"]);
  assert.equal(source.last().complete, true);
  assert.equal(source.last().pods[0]?.spec?.tolerations, undefined);
  assert.equal(source.last().pods[0]?.metadata?.annotations?.["kubernetes.io/config.source"], "http");
  const count = source.updates.length;
  await turn({ status: 200, body: pods("a", "b") });
  assert.equal(source.updates.length, count);
  assert.deepEqual(await turn({ status: 500, body: "" }), ["a-node1", "b-node1"]);
  assert.equal(source.last().rejected[0]?.keptPrevious, true);
  assert.deepEqual(await turn({ status: 200, body: pods("c", "D") }), ["a-node1", "b-node1"]);
  assert.equal(source.last().rejected[0]?.problems[0]?.field, "items[1].metadata.name");
  assert.deepEqual(await turn({ status: 200, body: manifest("one") }), ["one-node1"]);
  assert.deepEqual(await turn({ status: 200, body: "" }), []);
  assert.equal(source.last().rejected.length, 1);
  await source.stop();
});

test("mergeSources() gives what is newest by then, also of a source that speaks while another's update is worked on", async () => {
  const life = new AbortController();
  const say = { file: Promise.withResolvers<void>(), api: Promise.withResolvers<void>() };
  const update = (source: "file" | "api", where: string): SourceUpdate => ({
    source,
    pods: [],
    rejected: [{ where, problems: [], keptPrevious: false }],
    warnings: [],
    complete: true,
  });
  async function* twice(source: "file" | "api") {
    yield update(source, "old");
    await say[source].promise;
    yield update(source, "new");
  }
  const merged = mergeSources(() => [twice("file"), twice("api")], life.signal)[Symbol.asyncIterator]();
  // Both have spoken before anyone asks.
  const first = await merged.next();
  assert.deepEqual(first.value, update("file", "old"));
  say.api.resolve();
  await quiet();
  assert.deepEqual((await merged.next()).value, update("api", "new"));
  say.file.resolve();
  assert.deepEqual((await merged.next()).value, update("file", "new"));
  life.abort();
});

test("readSources() without sources ends", async () => {
  const source = await start({ staticPodPath: "" });
  await source.go();
  assert.deepEqual(source.updates, []);
});
