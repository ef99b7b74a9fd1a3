import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffCurve } from "../base/backoff.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { ContainerStatus } from "../model/runtime.ts";
import type { EventRecord } from "../ports/events.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Memory } from "./memory.ts";
import type { Stop } from "./step.ts";
import { stopContainers } from "./stop.ts";

const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [{ name: "web" }] } };
const stopOf = (name: string, more: Partial<Stop> = {}): Stop => ({
  id: `id-${name}`,
  name,
  grace: seconds(30),
  message: `Stopping container ${name}`,
  restart: false,
  after: [],
  ...more,
});

/** A runtime whose containers take some time to end, by name. */
async function stopAll(
  stops: readonly Stop[],
  ends: Readonly<Record<string, number>>,
  {
    orphan = false,
    abortAt,
    endedBefore = [],
  }: { readonly orphan?: boolean; readonly abortAt?: number; readonly endedBefore?: readonly string[] } = {},
) {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(new AbortController().signal);
  const memory = new Memory(clock, backoffCurve(seconds(10), seconds(300), seconds(600)));
  const calls: string[] = [];
  const events: EventRecord[] = [];
  const runtime = {
    async stopContainer(id: string, grace: Millis, signal: AbortSignal) {
      calls.push(`${time.now()} ${id} ${grace}`);
      await clock.sleep(millis(ends[id.slice(3)] ?? 0), signal);
    },
    containerStatus: async (id: string) =>
      ({ id, state: endedBefore.includes(id) ? "exited" : "running" }) as ContainerStatus,
  };
  let end: number | Error | undefined;
  stopContainers(
    stops,
    orphan ? undefined : pod,
    memory,
    { runtime, clock, events: { record: (event) => void events.push(event) } },
    life.signal,
  ).then(
    () => {
      end = time.now();
    },
    (error) => {
      end = error;
    },
  );
  if (abortAt !== undefined) time.at(abortAt, () => life.abort(new Error("shut down")));
  await time.runUntil(100_000, () => {});
  return { calls, events, memory, end };
}

test("stopContainers() stops side by side, each with its grace, and tells of each", async () => {
  const { calls, events, end } = await stopAll([stopOf("web"), stopOf("log", { grace: seconds(5) })], {
    web: 700,
    log: 300,
  });
  assert.deepEqual(calls, ["0 id-web 30000", "0 id-log 5000"]);
  assert.equal(end, 700);
  assert.deepEqual(
    events.map(({ type, reason, message }) => [type, reason, message]),
    [
      ["Normal", "Killing", "Stopping container web"],
      ["Normal", "Killing", "Stopping container log"],
    ],
  );
});

test("stopContainers() gives two seconds at least, and tells nothing of a pod that nobody knows", async () => {
  const { calls, events } = await stopAll([stopOf("web", { grace: millis(0) })], {}, { orphan: true });
  assert.deepEqual(calls, ["0 id-web 2000"]);
  assert.deepEqual(events, []);
});

test("stopContainers() lets a sidecar wait for those it serves, out of its own grace", async () => {
  const sidecar = stopOf("proxy", { after: ["web"] });
  const { calls } = await stopAll([sidecar, stopOf("web")], { web: 10_400 });
  assert.deepEqual(calls, ["0 id-web 30000", "10400 id-proxy 20000"]);
  const late = await stopAll([stopOf("proxy", { after: ["web"], grace: seconds(3) }), stopOf("web")], { web: 10_400 });
  assert.deepEqual(late.calls, ["0 id-web 30000", "3000 id-proxy 2000"]);
});

test("stopContainers() leaves what ended by itself alone, so that its policy decides whether it starts again", async () => {
  const ended = { endedBefore: ["id-web"] };
  const { calls, events, memory } = await stopAll([stopOf("web", { restart: true })], {}, ended);
  assert.deepEqual([calls, events, [...memory.restarting]], [[], [], []]);
});

test("stopContainers() remembers what is stopped in order to start again, before it is stopped", async () => {
  const { memory } = await stopAll([stopOf("web", { restart: true }), stopOf("log")], { web: 200_000 });
  assert.deepEqual([...memory.restarting], ["id-web"]);
});

test("stopContainers() ends with the reason of the abort, also while a sidecar waits", async () => {
  const { end, calls } = await stopAll(
    [stopOf("proxy", { after: ["web"] }), stopOf("web")],
    { web: 50_000 },
    { abortAt: 1_000 },
  );
  assert.match(`${end}`, /shut down/);
  assert.deepEqual(calls, ["0 id-web 30000"]);
});
