import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffCurve } from "../base/backoff.ts";
import { type Fault, KubeletError } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import type { ImageState } from "../images/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { ContainerConfig, PodSnapshot, SandboxConfig } from "../model/runtime.ts";
import type { EventRecord } from "../ports/events.ts";
import { Chance } from "../sim/chance.ts";
import { Disk } from "../sim/disk.ts";
import { Faults } from "../sim/faults.ts";
import { SimFiles } from "../sim/sim-files.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { World } from "../sim/world.ts";
import { Memory } from "./memory.ts";
import { type ContainerFacts, startContainer } from "./start.ts";

const container = { name: "web", image: "i", terminationMessagePath: "/dev/termination-log" };
const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [container] } };
const ready: ImageState = {
  kind: "ready",
  ref: "sha256:1",
  info: { id: "sha256:1", repoTags: [], repoDigests: [], size: 1, uid: undefined, username: "", pinned: false },
};
const snapshot = {
  uid: "u",
  name: "p",
  namespace: "default",
  sandboxes: [{ id: "s0", metadata: { attempt: 2 } }],
  containers: [],
};

interface Setting {
  /** What `where` throws. */
  readonly fault?: Fault;
  readonly where?: "config" | "create" | "start";
  readonly image?: ImageState | undefined;
  readonly finishedAt?: number;
  readonly abort?: boolean;
}

async function start({ fault, where, image = ready, finishedAt, abort = false }: Setting = {}) {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(new AbortController().signal);
  const memory = new Memory(clock, backoffCurve(seconds(10), seconds(300), seconds(600)));
  memory.failures.set("web", { reason: "Old", message: "", until: clock.monotonic() });
  const disk = new Disk();
  const calls: string[] = [];
  const events: EventRecord[] = [];
  let facts: ContainerFacts | undefined;
  const may = async (place: Setting["where"]) => {
    if (abort && place === where) life.abort(new Error("shut down"));
    if (fault && place === where) throw new KubeletError("it does not work", fault);
    if (abort && place === where) throw life.signal.reason;
  };
  const deps = {
    runtime: {
      async createContainer(sandboxId: string) {
        calls.push(`create in ${sandboxId}`);
        await may("create");
        return "c1";
      },
      async startContainer(id: string) {
        calls.push(`start ${id}`);
        await may("start");
      },
    },
    files: new SimFiles(disk, new World(time, new Chance(1)), new Faults(), new AbortController().signal),
    events: { record: (event: EventRecord) => void events.push(event) },
    clock,
    random: { fraction: () => 0, hex: (digits: number) => "0".repeat(digits) },
    rootDir: "/kubelet",
    podLogsDir: "/var/log/pods",
    containerLogsDir: "/var/log/containers",
    see: () => snapshot as unknown as PodSnapshot,
    know: (id: string, uid: string) => void calls.push(`know ${id} ${uid}`),
    image: () => image,
    sandboxConfig: async (_: Pod, attempt: number) =>
      ({ logDirectory: `/var/log/pods/default_p_u`, attempt }) as unknown as SandboxConfig,
    containerConfig: async (_: Pod, __: unknown, given: ContainerFacts) => {
      facts = given;
      await may("config");
      return {} as ContainerConfig;
    },
    dropImage: (uid: string, name: string) => void calls.push(`drop image ${uid} ${name}`),
    startRetry: () => seconds(10),
  };
  const step = { kind: "start-container", container, attempt: 3, finishedAt } as const;
  const work = startContainer(pod, step, memory, deps, life.signal);
  let error: unknown;
  work.catch((reason) => {
    error = reason;
  });
  await time.runUntil(60_000, () => {});
  return {
    error,
    calls,
    memory,
    disk,
    facts,
    time,
    told: events.map(({ reason, message }) => `${reason}: ${message}`),
  };
}

const refused: Fault = { code: "runtime-refused", call: "x", status: "UNKNOWN" };

test("startContainer() creates in the newest sandbox, tells whose the id is before it starts, and links the log", async () => {
  const { error, calls, memory, disk, facts, told } = await start();
  assert.equal(error, undefined);
  assert.deepEqual(calls, ["create in s0", "know c1 u", "start c1"]);
  assert.deepEqual(told, ["Created: Container created", "Started: Container started"]);
  assert.equal(memory.failures.size, 0);
  assert.equal(facts?.terminationLog, "/kubelet/pods/u/containers/web/00000000");
  const paths = [...disk.paths()];
  assert.ok(paths.includes("/kubelet/pods/u/containers/web/00000000"));
  assert.ok(paths.includes("/var/log/pods/default_p_u/web"));
  const link = disk.walk("/var/log/containers/p_default_web-c1.log", false).entry;
  assert.equal(link?.kind === "symlink" && link.target, "/var/log/pods/default_p_u/web/3.log");
});

test("startContainer() tells that the image was there only now, since much may come before a start", async () => {
  const { told } = await start({ image: { ...ready, note: "it is here" } });
  assert.deepEqual(told, ["Pulled: it is here", "Created: Container created", "Started: Container started"]);
});

test("startContainer() tells a runtime's refusal in its own words, without ids that are others at each try", async () => {
  const { told, memory } = await start({ where: "start", fault: { ...refused, text: "no such program" } });
  assert.deepEqual(told, ["Created: Container created", "Failed: Error: no such program"]);
  assert.equal(memory.failures.get("web")?.message, "no such program");
});

test("startContainer() does nothing where the plan is older than what is seen", async () => {
  const { error, calls, told } = await start({ image: { kind: "checking" } });
  assert.deepEqual([error, calls, told], [undefined, [], []]);
});

test("startContainer() counts a restart, so that the next one waits", async () => {
  const restarted = await start({ finishedAt: Date.UTC(2026, 0, 1) });
  assert.equal(restarted.memory.hold(container, restarted.time.wall(), "p")?.reason, "CrashLoopBackOff");
  const first = await start();
  assert.equal(first.memory.hold(container, first.time.wall(), "p"), undefined);
});

const failures: readonly { readonly name: string; readonly setting: Setting; readonly reason: string }[] = [
  {
    name: "a configuration that can't be made",
    setting: { where: "config", fault: refused },
    reason: "CreateContainerConfigError",
  },
  { name: "a failed create", setting: { where: "create", fault: refused }, reason: "CreateContainerError" },
  { name: "a failed start", setting: { where: "start", fault: refused }, reason: "RunContainerError" },
  {
    name: "a call without an answer",
    setting: { where: "start", fault: { code: "runtime-timeout", call: "x" } },
    reason: "RunContainerError",
  },
  {
    name: "a reason of its own",
    setting: { where: "config", fault: { code: "waiting", reason: "InvalidEnv" } },
    reason: "InvalidEnv",
  },
];
for (const { name, setting, reason } of failures) {
  test(`startContainer() keeps ${name} for the status and lets the pod go on`, async () => {
    const { error, memory, calls, told } = await start(setting);
    assert.equal(error, undefined);
    assert.equal(memory.failures.get("web")?.reason, reason);
    assert.equal(memory.failures.get("web")?.message, "it does not work");
    assert.equal(calls.at(-1), "drop image u web");
    assert.equal(told.at(-1), "Failed: Error: it does not work");
  });
}

test("startContainer() throws what concerns the whole runtime, and the reason of an abort", async () => {
  const away = await start({ where: "create", fault: { code: "runtime-unavailable", endpoint: "x" } });
  assert.match(`${away.error}`, /it does not work/);
  assert.equal(away.memory.failures.size, 0);
  const aborted = await start({ where: "start", abort: true });
  assert.match(`${aborted.error}`, /shut down/);
  assert.equal(aborted.memory.failures.size, 0);
});
