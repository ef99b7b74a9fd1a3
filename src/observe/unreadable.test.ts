/** What the observer does about a pod that the runtime lists but cannot tell of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import type { ContainerState, RuntimeEvent, SandboxStatus } from "../model/runtime.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Observer, type ObserverDeps } from "./observer.ts";

const REFUSED = new KubeletError("Cannot get status: corrupt", {
  code: "runtime-refused",
  call: "PodSandboxStatus",
  status: "UNKNOWN",
});

/** A runtime with one container per pod, whose status calls can be made to fail or to wait. */
class Runtime {
  readonly broken = new Set<string>();
  readonly states = new Map<string, ContainerState>();
  readonly reasons = new Map<string, string>();
  /** Called when a container's status has been taken, before it is answered. */
  onStatus: (uid: string) => Promise<void> = async () => {};
  #events = Promise.withResolvers<RuntimeEvent>();

  tell(event: RuntimeEvent): void {
    this.#events.resolve(event);
  }

  get doors(): ObserverDeps["runtime"] {
    const uids = (uid: string | undefined) => (uid === undefined ? [...this.states.keys()] : [uid]);
    const containerOf = (uid: string) => ({
      id: `c-${uid}`,
      name: "web",
      attempt: 0,
      state: this.states.get(uid) ?? "unknown",
      createdAt: 1,
      image: "i",
      imageRef: "i",
      labels: { "io.kubernetes.pod.uid": uid },
      annotations: {},
    });
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
    return {
      events: async function* (this: Runtime) {
        yield { kind: "resync" as const };
        for (;;) {
          yield await this.#events.promise;
          this.#events = Promise.withResolvers();
        }
      }.bind(this),
      listSandboxes: async (uid) => uids(uid).map(sandboxOf),
      listContainers: async (uid) => uids(uid).map((one) => ({ ...containerOf(one), sandboxId: `s-${one}` })),
      sandboxStatus: async (id) => {
        if (this.broken.has(id.slice(2))) throw REFUSED;
        return sandboxOf(id.slice(2));
      },
      containerStatus: async (id) => {
        if (this.broken.has(id.slice(2))) throw REFUSED;
        const uid = id.slice(2);
        const status = {
          ...containerOf(uid),
          startedAt: 1,
          finishedAt: 2,
          exitCode: 137,
          reason: this.reasons.get(uid) ?? "Error",
          message: "",
          imageId: "i",
          mounts: [],
          logPath: "",
          user: undefined,
          resources: undefined,
        };
        await this.onStatus(uid);
        return status;
      },
    };
  }
}

function observe(runtime: Runtime) {
  const time = new VirtualTime();
  const stop = new AbortController();
  const rings: string[] = [];
  const observer = new Observer({
    runtime: runtime.doors,
    clock: time.clock(stop.signal),
    log: silentLog,
    onChange: (uid) => void rings.push(uid),
    onResync: () => {},
  });
  observer.run(stop.signal).catch(() => {});
  return { observer, rings, pass: (ms: number) => time.runUntil(time.now() + ms, () => {}), end: () => stop.abort() };
}

test("Observer sees the other pods when one can't be read, and that one as soon as it can", async () => {
  const runtime = new Runtime();
  runtime.states.set("good", "running").set("bad", "running");
  runtime.broken.add("bad");
  const { observer, rings, pass, end } = observe(runtime);
  await pass(10);
  await observer.listed;
  assert.deepEqual(rings, ["good"]);
  assert.deepEqual([observer.isHidden("good"), observer.isHidden("bad")], [false, true]);
  assert.deepEqual([...observer.uids()].sort(), ["bad", "good"]);
  runtime.broken.clear();
  await pass(5_000);
  assert.deepEqual(rings, ["good", "bad"]);
  assert.equal(observer.isHidden("bad"), false);
  end();
});

test("Observer reads again after an event whose reading failed, without a new event", async () => {
  const runtime = new Runtime();
  runtime.states.set("web", "running");
  const { observer, pass, end } = observe(runtime);
  await pass(10);
  runtime.broken.add("web");
  runtime.states.set("web", "exited");
  runtime.tell({ kind: "stopped", id: "c-web", podUid: "web" });
  await pass(3_500);
  assert.equal(observer.snapshot("web")?.containers[0]?.state, "running");
  assert.equal(observer.isHidden("web"), false, "what was seen last is still something to go by");
  runtime.broken.clear();
  await pass(10_000);
  assert.equal(observer.snapshot("web")?.containers[0]?.state, "exited");
  end();
});

test("Observer does not lose an OOM that is told while the pod is being read", async () => {
  const runtime = new Runtime();
  runtime.states.set("web", "running");
  const { observer, pass, end } = observe(runtime);
  await pass(10);
  const held = Promise.withResolvers<void>();
  runtime.onStatus = () => held.promise;
  runtime.states.set("web", "exited");
  runtime.tell({ kind: "stopped", id: "c-web", podUid: "web" });
  await pass(10);
  runtime.reasons.set("web", "OOMKilled");
  runtime.tell({ kind: "oom", id: "c-web", podUid: "web" });
  await pass(10);
  runtime.onStatus = async () => {};
  held.resolve();
  await pass(10);
  assert.equal(observer.snapshot("web")?.containers[0]?.reason, "OOMKilled");
  end();
});

test("Observer finds an end that fell just before it connected, and that the runtime admits to only later", async () => {
  const runtime = new Runtime();
  runtime.states.set("web", "running");
  const { observer, pass, end } = observe(runtime);
  await pass(10);
  assert.equal(observer.snapshot("web")?.containers[0]?.state, "running");
  runtime.states.set("web", "exited");
  await pass(6_000);
  assert.equal(observer.snapshot("web")?.containers[0]?.state, "exited");
  end();
});

test("Observer tells which pods there are before it has read them, and hides each until then", async () => {
  const runtime = new Runtime();
  runtime.states.set("quick", "running").set("slow", "running");
  const answer = Promise.withResolvers<void>();
  runtime.onStatus = async (uid) => (uid === "slow" ? answer.promise : undefined);
  const { observer, pass, end } = observe(runtime);
  await observer.listed;
  assert.deepEqual(
    [observer.uids(), observer.isHidden("quick"), observer.isHidden("new")],
    [["quick", "slow"], true, false],
  );
  await pass(10);
  assert.deepEqual([observer.isHidden("quick"), observer.isHidden("slow")], [false, true]);
  answer.resolve();
  await pass(10);
  assert.equal(observer.isHidden("slow"), false);
  end();
});
