import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffCurve } from "../base/backoff.ts";
import { type Fault, KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Mailbox } from "./mailbox.ts";
import type { Step } from "./step.ts";
import { stopContainers } from "./stop.ts";
import { workPod } from "./worker.ts";

const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [{ name: "web" }] } };
const REFUSED: Fault = { code: "runtime-refused", call: "StopContainer", status: "Unknown", text: "no such signal" };
const AWAY: Fault = { code: "runtime-unavailable", endpoint: "unix:///e" };

/** Stops a pod with a grace whose container the runtime does not stop. What was asked of it, with the time. */
async function stopping(grace: number, fault: Fault, span: number): Promise<readonly string[]> {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(life.signal);
  const calls: string[] = [];
  let runs = true;
  const runtime = {
    async stopContainer(id: string) {
      calls.push(`${time.now()} ${id}`);
      throw new KubeletError("Cannot stop container", fault);
    },
    containerStatus: () => Promise.reject(new TypeError("Only what is to restart is asked for")),
  };
  const see = () => ({
    uid: "u",
    name: "p",
    namespace: "default",
    sandboxes: [{ id: "s", state: runs ? "ready" : "not-ready" }],
    containers: [{ id: "c", sandboxId: "s", name: "web", state: runs ? "running" : "exited", finishedAt: 1 }],
  });
  const execute = async (step: Step, memory: Parameters<typeof stopContainers>[2]) => {
    if (step.kind === "stop-containers")
      return stopContainers(step.stops, pod, memory, { runtime, clock, events: { record() {} } }, life.signal);
    calls.push(`${time.now()} ${step.kind}`);
    if (step.kind === "release") memory.released = true;
    if (step.kind !== "stop-sandbox") return;
    memory.stopped.add(step.id);
    runs = false;
  };
  const work = workPod(
    new Mailbox({ goal: "stop", uid: "u", pod, grace: seconds(grace), keep: true }),
    {
      clock,
      log: silentLog,
      crashBackoff: backoffCurve(seconds(10), seconds(300), seconds(600)),
      see: () => see() as unknown as PodSnapshot,
      isHidden: () => false,
      image: () => undefined,
      execute: (step, _mailbox, memory) => execute(step, memory),
      refresh: async () => {},
      report: () => {},
      complain: () => millis(10_000),
    },
    life.signal,
  );
  work.catch(() => {});
  await time.runUntil(span, () => {});
  return calls;
}

test("workPod() stops the sandbox of a container that the runtime does not stop, once its grace is over", async () => {
  const asked = ["0 c", "10000 c", "20000 c", "30000 stop-sandbox", "30000 release"];
  assert.deepEqual(await stopping(30, REFUSED, 600_000), asked);
});

test("workPod() asks twice for a container to be stopped, however short its grace", async () => {
  assert.deepEqual(await stopping(1, REFUSED, 600_000), ["0 c", "10000 c", "20000 stop-sandbox", "20000 release"]);
});

test("workPod() stops no sandbox in place of a container while the runtime is away", async () => {
  const calls = await stopping(1, AWAY, 60_000);
  assert.ok(calls.every((call) => call.endsWith(" c")));
});
