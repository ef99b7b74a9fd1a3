/** How the observer comes to know of changes: by events, after a connect, without events, by the slow sweep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { ANNOTATION_TERMINATION_POLICY as POLICY } from "../model/names.ts";
import type { ContainerExit, ContainerStatus, RuntimeEvent, SandboxStatus } from "../model/runtime.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Observer } from "./observer.ts";

type Told = RuntimeEvent | ContainerExit | { readonly kind: "resync" } | { readonly kind: "lost" };

/** One sandbox per pod and the containers a test puts into it; what is told of changes is the test's to say. */
class FakeRuntime {
  readonly pods = new Map<string, Map<string, ContainerStatus["state"]>>();
  readonly lists: { readonly at: number; readonly uid: string | undefined }[] = [];
  statusCalls = 0;
  /** Of every container's status. */
  change: Partial<ContainerStatus> = {};
  away = false;
  /** The status of this container is never answered. */
  hung: string | undefined;
  readonly #time: VirtualTime;
  readonly #queue: Told[] = [];
  #wake = () => {};

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  tell(...events: readonly Told[]): void {
    this.#queue.push(...events);
    this.#wake();
  }

  async *events(signal: AbortSignal): AsyncGenerator<Told> {
    for (;;) {
      const next = this.#queue.shift();
      if (next) yield next;
      else {
        await new Promise<void>((resolve, reject) => {
          this.#wake = resolve;
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      }
    }
  }

  listSandboxes = async (uid: string | undefined) => {
    this.lists.push({ at: this.#time.now(), uid });
    this.#answer();
    return [...this.pods.keys()].filter((one) => uid === undefined || one === uid).map(sandboxOf);
  };
  listContainers = async (uid: string | undefined) => {
    this.#answer();
    return [...this.pods]
      .filter(([one]) => uid === undefined || one === uid)
      .flatMap(([one, containers]) => [...containers].map(([id, state]) => containerOf(one, id, state)));
  };
  sandboxStatus = async (id: string) => {
    this.#answer();
    return sandboxOf(id.slice(2));
  };
  containerStatus = async (id: string) => {
    this.statusCalls++;
    if (id === this.hung) await new Promise(() => {});
    this.#answer();
    for (const [uid, containers] of this.pods) {
      const state = containers.get(id);
      if (state) return { ...containerOf(uid, id, state), ...this.change };
    }
    throw new KubeletError("gone", { code: "runtime-not-found", call: "ContainerStatus", id });
  };

  #answer(): void {
    if (this.away) throw new KubeletError("away", { code: "runtime-unavailable", endpoint: "fake" });
  }
}

const sandboxOf = (uid: string): SandboxStatus => ({
  id: `s-${uid}`,
  metadata: { name: uid, namespace: "default", uid, attempt: 0 },
  state: "ready",
  createdAt: 1,
  labels: {},
  annotations: {},
  runtimeHandler: "",
  ips: ["192.0.2.2"],
  network: "pod",
});

const containerOf = (
  uid: string,
  id: string,
  state: ContainerStatus["state"],
): ContainerStatus & { sandboxId: string } => ({
  id,
  sandboxId: `s-${uid}`,
  name: "web",
  attempt: 0,
  state,
  createdAt: 1,
  image: "i",
  imageRef: "i",
  imageId: "i",
  labels: { "io.kubernetes.pod.uid": uid },
  annotations: {},
  startedAt: 1,
  finishedAt: state === "exited" ? 2 : undefined,
  exitCode: 0,
  reason: "",
  message: "",
  mounts: [],
  logPath: "",
  user: undefined,
  resources: undefined,
});

interface Bench {
  readonly runtime: FakeRuntime;
  readonly observer: Observer;
  readonly changed: string[];
  resyncs: number;
  /** Processes of each container that the kernel has killed. */
  kills: number | undefined;
  /** Containers of a pod, as the observer shows them. */
  seen(uid: string): string | undefined;
  pass(span: number): Promise<void>;
}

/** A runtime with two pods, seen by an observer that has connected a while ago. */
async function start(): Promise<Bench & AsyncDisposable> {
  const time = new VirtualTime();
  const stop = new AbortController();
  const runtime = new FakeRuntime(time);
  runtime.pods.set("a", new Map([["a1", "running"]]));
  runtime.pods.set("b", new Map([["b1", "running"]]));
  const changed: string[] = [];
  const clock = time.clock(new AbortController().signal);
  const observer = new Observer({
    runtime,
    clock,
    log: silentLog,
    onChange: (uid) => void changed.push(uid),
    onResync: () => void bench.resyncs++,
    oomKills: async () => bench.kills,
  });
  const bench = {
    runtime,
    observer,
    changed,
    resyncs: 0,
    kills: 0 as number | undefined,
    seen: (uid: string) =>
      observer
        .snapshot(uid)
        ?.containers.map(({ id, state }) => `${id} ${state}`)
        .join(),
    pass: (span: number) => time.runUntil(time.now() + span, () => {}),
  };
  const running = observer.run(stop.signal).catch(() => {});
  runtime.tell({ kind: "resync" });
  await bench.pass(10_000);
  await observer.listed;
  changed.length = 0;
  runtime.lists.length = 0;
  return Object.assign(bench, {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("over"));
      await running;
    },
  });
}

test("the observer lists everything after a connect and tells of it once", async () => {
  await using bench = await start();
  assert.deepEqual(["a", "b"].map(bench.seen), ["a1 running", "b1 running"]);
  assert.deepEqual([...bench.observer.uids()], ["a", "b"]);
  assert.equal(bench.resyncs, 1);
});

test("an event makes it read that one pod, whether the event names the pod or only a known id", async () => {
  await using bench = await start();
  for (const podUid of ["a", undefined]) {
    bench.runtime.pods.set("a", new Map([["a1", podUid ? "exited" : "running"]]));
    bench.runtime.tell({ kind: "stopped", id: "a1", ...(podUid ? { podUid } : {}) });
    await bench.pass(10);
    assert.equal(bench.seen("a"), podUid ? "a1 exited" : "a1 running");
  }
  assert.deepEqual(new Set(bench.runtime.lists.map(({ uid }) => uid)), new Set(["a"]));
  assert.deepEqual(bench.changed, ["a", "a"]);
});

test("an event with an id that nobody knows is left to the sweep; know() makes it known before the runtime tells of it", async () => {
  await using bench = await start();
  bench.runtime.pods.set("c", new Map([["c1", "running"]]));
  bench.runtime.tell({ kind: "started", id: "c1" });
  await bench.pass(10);
  assert.equal(bench.seen("c"), undefined);
  bench.observer.know("c1", "c");
  bench.runtime.tell({ kind: "started", id: "c1" });
  await bench.pass(10);
  assert.equal(bench.seen("c"), "c1 running");
});

test("an exited container's status is not asked for again, unless an event says that there is news of it", async () => {
  await using bench = await start();
  bench.runtime.pods.set("a", new Map([["a1", "exited"]]));
  bench.runtime.tell({ kind: "stopped", id: "a1" });
  await bench.pass(10);
  const calls = bench.runtime.statusCalls;
  await bench.observer.refresh("a", new AbortController().signal);
  assert.equal(bench.runtime.statusCalls, calls);
  bench.runtime.tell({ kind: "oom", id: "a1" });
  await bench.pass(10);
  assert.equal(bench.runtime.statusCalls, calls + 1);
});

test("events of a pod that somebody works on have it read after a second, or not at all if he has it read himself", async () => {
  await using bench = await start();
  const readings = () => bench.runtime.lists.length;
  bench.runtime.pods.set("a", new Map([["a1", "exited"]]));
  {
    using _held = bench.observer.hold("a");
    bench.runtime.tell({ kind: "stopped", id: "a1" }, { kind: "deleted", id: "a1" }, { kind: "stopped", id: "s-a" });
    await bench.pass(10);
    assert.equal(readings(), 0);
    await bench.pass(1_000);
    assert.equal(readings(), 1);
    assert.equal(bench.seen("a"), "a1 exited");
    bench.runtime.tell({ kind: "stopped", id: "s-a" });
    await bench.pass(10);
  }
  await bench.observer.refresh("a", new AbortController().signal);
  await bench.pass(5_000);
  assert.equal(readings(), 2);
  bench.runtime.tell({ kind: "stopped", id: "s-a" });
  await bench.pass(10);
  assert.equal(readings(), 3, "nobody holds it any more");
});

const EXIT = { kind: "exited", id: "a1", exitCode: 1, finishedAt: 7, reason: "Error" } as const;

test("an exit is shown at once, a reading that is behind does not take it back, and one that agrees replaces it", async () => {
  await using bench = await start();
  const shown = () => bench.observer.snapshot("a")?.containers[0];
  bench.runtime.tell(EXIT);
  await bench.pass(10);
  assert.deepEqual(bench.runtime.lists, [], "nothing was asked");
  const { state, exitCode, finishedAt, reason, early } = shown() ?? {};
  assert.deepEqual([state, exitCode, finishedAt, reason, early], ["exited", 1, 7, "Error", true]);
  assert.deepEqual(bench.changed, ["a"]);
  await bench.observer.refresh("a", new AbortController().signal);
  assert.deepEqual([shown()?.state, shown()?.early], ["exited", true]);
  let settled = false;
  const waiting = bench.observer.settled("a1").then(() => {
    settled = true;
  });
  await bench.pass(10);
  assert.equal(settled, false);
  bench.runtime.pods.set("a", new Map([["a1", "exited"]]));
  bench.runtime.tell({ kind: "stopped", id: "a1" });
  await bench.pass(10);
  await waiting;
  assert.deepEqual([shown()?.state, shown()?.early, shown()?.finishedAt], ["exited", undefined, 2]);
  assert.equal(bench.observer.sizes.exits, 0);
  bench.runtime.tell(EXIT);
  await bench.pass(10);
  assert.equal(bench.observer.sizes.exits, 0, "it is late");
});

for (const [name, kills, change] of [
  ["the kernel has killed in its cgroup", 1, {}],
  ["the kernel does not tell", undefined, {}],
  ["an OOM kill was told before", 0, { reason: "OOMKilled" }],
  ["its last words are the end of its log", 0, { annotations: { [POLICY]: "FallbackToLogsOnError" } }],
] as const)
  test(`an exit waits for the runtime where ${name}`, async () => {
    await using bench = await start();
    bench.runtime.change = change;
    bench.runtime.tell({ kind: "oom", id: "a1" });
    await bench.pass(10);
    bench.kills = kills;
    bench.runtime.tell(EXIT);
    await bench.pass(10);
    assert.equal(bench.seen("a"), "a1 running");
    bench.runtime.pods.set("a", new Map([["a1", "exited"]]));
    bench.runtime.tell({ kind: "stopped", id: "a1" });
    await bench.pass(10);
    assert.equal(bench.seen("a"), "a1 exited");
    assert.equal(bench.observer.sizes.exits, 0);
  });

test("an exit of a container that goes before it was ever read leaves nothing behind", async () => {
  await using bench = await start();
  bench.observer.know("a2", "a");
  bench.runtime.tell({ ...EXIT, id: "a2" });
  await bench.pass(10);
  assert.equal(bench.observer.sizes.exits, 1);
  bench.runtime.pods.delete("a");
  await bench.observer.refresh("a", new AbortController().signal);
  assert.deepEqual(bench.observer.sizes, { snapshots: 1, owners: 2, readings: 0, afresh: 0, awaited: 0, exits: 0 });
});

test("a pod that is gone from the runtime has no snapshot, and nothing of it is kept", async () => {
  await using bench = await start();
  bench.runtime.pods.delete("a");
  bench.runtime.tell({ kind: "deleted", id: "s-a", podUid: "a" });
  await bench.pass(10);
  assert.equal(bench.observer.snapshot("a"), undefined);
  assert.deepEqual(bench.changed, ["a"]);
  assert.deepEqual(bench.observer.sizes, { snapshots: 1, owners: 2, readings: 0, afresh: 0, awaited: 0, exits: 0 });
});

test("without an event source it lists by itself, every half second while things change, every five seconds later", async () => {
  await using bench = await start();
  bench.runtime.tell({ kind: "lost" });
  await bench.pass(60_000);
  const times = bench.runtime.lists.filter(({ uid }) => uid === undefined).map(({ at }) => at);
  const gaps = times.slice(1).map((at, place) => Math.round(at - (times[place] ?? 0)));
  assert.deepEqual(gaps.slice(0, 3), [750, 1125, 1688]);
  assert.equal(gaps.at(-1), 5_000);
  bench.runtime.pods.set("a", new Map([["a1", "exited"]]));
  await bench.pass(5_000);
  assert.equal(bench.seen("a"), "a1 exited");
  assert.equal(bench.resyncs, 2);
  bench.runtime.tell({ kind: "resync" });
  await bench.pass(20_000);
  bench.runtime.lists.length = 0;
  await bench.pass(60_000);
  assert.deepEqual(bench.runtime.lists, [], "events are back: nobody lists");
});

test("a container whose status the runtime does not answer keeps no other pod from being seen, nor the connect from being told", async () => {
  await using bench = await start();
  bench.runtime.hung = "a1";
  bench.runtime.pods.set("a", new Map([["a1", "exited"]]));
  bench.runtime.tell({ kind: "lost" });
  await bench.pass(15_000);
  assert.equal(bench.resyncs, 2);
  bench.runtime.pods.set("b", new Map([["b1", "exited"]]));
  await bench.pass(5_000);
  assert.deepEqual([bench.seen("a"), bench.seen("b")], ["a1 running", "b1 exited"]);
});

test("the slow sweep finds what no event told", async () => {
  await using bench = await start();
  bench.runtime.pods.set("b", new Map([["b1", "exited"]]));
  await bench.pass(200_000);
  assert.equal(bench.seen("b"), "b1 running");
  await bench.pass(100_000);
  assert.equal(bench.seen("b"), "b1 exited");
  assert.deepEqual(bench.changed, ["b"], "only what differs is read");
});

test("while the runtime is away what was seen stays, and the connect that follows is tried until it answers", async () => {
  await using bench = await start();
  bench.runtime.away = true;
  bench.runtime.tell({ kind: "resync" });
  await bench.pass(5_000);
  assert.deepEqual([bench.seen("a"), bench.resyncs], ["a1 running", 1]);
  bench.runtime.away = false;
  bench.runtime.pods.delete("a");
  await bench.pass(1_100);
  assert.deepEqual([bench.seen("a"), bench.resyncs], [undefined, 2]);
});

test("run() ends with the reason of the abort", async () => {
  const stop = new AbortController();
  const time = new VirtualTime();
  const runtime = new FakeRuntime(time);
  const clock = time.clock(new AbortController().signal);
  const observer = new Observer({ runtime, clock, log: silentLog, onChange() {}, onResync() {} });
  const running = observer.run(stop.signal);
  stop.abort(new Error("shut down"));
  await assert.rejects(running, /shut down/);
});
