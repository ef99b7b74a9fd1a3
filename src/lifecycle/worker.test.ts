import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffCurve } from "../base/backoff.ts";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Mailbox } from "./mailbox.ts";
import type { Plan } from "./plan.ts";
import type { Step } from "./step.ts";
import { workPod } from "./worker.ts";

const POD: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [] } };
const AT_REST = { wakeAt: undefined, waiting: new Map(), ended: false, sandboxReason: undefined };

interface Done {
  readonly kind: Step["kind"];
  readonly at: number;
}

/** A worker whose steps do as `execute` says, rung after each: what a failed try leaves behind is an event. */
function working(
  planned: (done: readonly Done[], mailbox: Mailbox) => readonly Step[],
  execute: (step: Step) => void,
  revision: () => number = () => 0,
) {
  const time = new VirtualTime();
  const life = new AbortController();
  const mailbox = new Mailbox({ goal: "run", uid: "u", pod: POD });
  const done: Done[] = [];
  const work = workPod(
    mailbox,
    {
      clock: time.clock(life.signal),
      log: silentLog,
      crashBackoff: backoffCurve(seconds(10), seconds(300), seconds(600)),
      see: () => undefined,
      isHidden: () => false,
      image: () => undefined,
      revision,
      plan: (): Plan => ({ ...AT_REST, steps: planned(done, mailbox) }),
      execute: async (step) => {
        done.push({ kind: step.kind, at: time.now() });
        if (step.kind !== "prepare") mailbox.ring();
        execute(step);
      },
      refresh: async () => mailbox.ring(),
      report: () => {},
      complain: () => millis(10_000),
    },
    life.signal,
  );
  work.catch(() => {});
  return { time, mailbox, done };
}

const RUN: Step = { kind: "run-sandbox", attempt: 0, replaces: false };
function failSandbox({ kind }: Step): void {
  if (kind === "run-sandbox")
    throw new KubeletError("Cannot run sandbox", { code: "runtime-timeout", call: "RunPodSandbox" });
}

test("workPod() slows down a sandbox that never comes up, though each try leaves one to stop", async () => {
  let attempt = 0;
  const planned = (done: readonly Done[]): readonly Step[] =>
    done.at(-1)?.kind === "run-sandbox"
      ? [{ kind: "stop-sandbox", id: `s${attempt}` }]
      : [{ ...RUN, attempt: attempt++ }];
  const { time, done } = working(planned, failSandbox);
  await time.runUntil(60_000, () => {});
  const tries = done.filter(({ kind }) => kind === "run-sandbox").map(({ at }) => at);
  assert.deepEqual(tries.slice(0, 6), [0, 0, 0, 100, 300, 700]);
  assert.ok(tries.length < 20, `${tries.length} tries in a minute`);
});

test("workPod() does not let a pod that is to stop wait for its next try", async () => {
  const planned = (_: readonly Done[], { intent }: Mailbox): readonly Step[] =>
    intent.goal === "stop" ? [{ kind: "stop-sandbox", id: "s" }] : [RUN];
  const { time, mailbox, done } = working(planned, failSandbox);
  await time.runUntil(20_000, () => {});
  const last = done.at(-1)?.at ?? 0;
  time.at(1, () => mailbox.offer({ goal: "stop", uid: "u", pod: POD, grace: millis(0) }));
  await time.runUntil(20_002, () => {});
  assert.ok(last < 20_000);
  assert.deepEqual(done.at(-1), { kind: "stop-sandbox", at: 20_001 });
});

test("workPod() looks at once when what the pod waits for is there, however often it looked before", async () => {
  let revision = 0;
  let isPrepared = false;
  const absent = new KubeletError('configmap "c" not found', { code: "waiting", reason: "" });
  const fail = () => {
    isPrepared = revision > 0;
    if (isPrepared) return;
    throw new KubeletError("MountVolume.SetUp failed", { code: "volume-not-mounted", volume: "v" }, { cause: absent });
  };
  const planned = (): readonly Step[] => (isPrepared ? [] : [{ kind: "prepare" }]);
  const { time, mailbox, done } = working(planned, fail, () => revision);
  // Rung all the time, it still keeps its pace: the last try is some seconds old, and it sleeps before the next.
  for (let second = 1; second <= 100; second++) {
    time.at(1, () => mailbox.ring());
    await time.runUntil(second * 1_000, () => {});
  }
  assert.ok(done.length < 40, `${done.length} tries in 100 s`);
  time.at(500, () => {
    revision++;
    mailbox.ring();
  });
  await time.runUntil(100_500, () => {});
  assert.deepEqual(done.at(-1), { kind: "prepare", at: 100_500 });
  assert.ok(isPrepared);
});

test("workPod() forgets how often a step failed when something that the pod refers to changed", async () => {
  let revision = 0;
  const { time, mailbox, done } = working(
    () => [RUN],
    failSandbox,
    () => revision,
  );
  await time.runUntil(40_000, () => {});
  const last = done.length;
  await time.runUntil((done.at(-1)?.at ?? 0) + 1, () => {});
  revision++;
  mailbox.ring();
  await time.runUntil(time.now() + 6_000, () => {});
  assert.ok(done.length >= last + 5, `${done.length - last} tries: it began anew, in quick succession`);
});

test("workPod() breaks off what it does for a pod that the node ends, and does all that ends it", async () => {
  const planned = (done: readonly Done[], { ending }: Mailbox): readonly Step[] => {
    if (!ending) return [RUN, { kind: "prepare" }];
    const stops: readonly Step[] = [{ kind: "stop-sandbox", id: "s" }, { kind: "release" }];
    return done.some(({ kind }) => kind === "release") ? [] : stops;
  };
  const ending = { reason: "Terminated", message: "m", grace: seconds(3) };
  const { time, mailbox, done } = working(planned, ({ kind }) => {
    if (kind === "run-sandbox") mailbox.end(ending);
  });
  await time.runUntil(10_000, () => {});
  assert.deepEqual(
    done.map(({ kind }) => kind),
    ["run-sandbox", "stop-sandbox", "release"],
  );
});

test("sandboxes that come up and serve nobody follow each other ever more slowly", async () => {
  let sandboxes = 0;
  const { time, done } = working(
    (before) =>
      before.at(-1)?.kind === "run-sandbox"
        ? [{ kind: "stop-sandbox", id: `s${sandboxes}` }]
        : [{ kind: "run-sandbox", attempt: sandboxes, replaces: sandboxes > 0 }],
    ({ kind }) => {
      if (kind === "run-sandbox") sandboxes++;
    },
  );
  await time.runUntil(60_000, () => {});
  const runs = done.filter(({ kind }) => kind === "run-sandbox").map(({ at }) => at);
  assert.deepEqual(runs.slice(0, 6), [0, 0, 0, 100, 300, 700]);
  assert.ok(runs.length < 25, `${runs.length} in a minute`);
});

test("workPod() counts the runs of an init container on when a new sandbox has it removed and run again", async () => {
  const time = new VirtualTime();
  const { signal } = new AbortController();
  const pod: Pod = { ...POD, spec: { containers: [{ name: "web" }], initContainers: [{ name: "init" }] } };
  let snapshot = {
    sandboxes: [{ id: "s0", state: "not-ready", metadata: { attempt: 0 } }],
    containers: [{ id: "i4", name: "init", attempt: 4, sandboxId: "s0", state: "exited", exitCode: 0 }],
  };
  const started: unknown[] = [];
  const work = workPod(
    new Mailbox({ goal: "run", uid: "u", pod }),
    {
      clock: time.clock(signal),
      log: silentLog,
      crashBackoff: backoffCurve(seconds(10), seconds(300), seconds(600)),
      see: () => snapshot as unknown as PodSnapshot,
      isHidden: () => false,
      image: () => ({ kind: "ready", ref: "i", info: {} as never }),
      execute: async (step, _mailbox, memory) => {
        if (step.kind === "prepare") memory.prepared = true;
        if (step.kind === "stop-sandbox") memory.stopped.add(step.id);
        if (step.kind === "remove-container") snapshot = { ...snapshot, containers: [] };
        if (step.kind === "run-sandbox")
          snapshot = {
            ...snapshot,
            sandboxes: [
              { id: "s1", state: "ready", metadata: { attempt: 1 }, network: "pod", ips: ["10.0.0.1"] },
              ...snapshot.sandboxes,
            ] as typeof snapshot.sandboxes,
          };
        if (step.kind === "start-container") started.push([step.container.name, step.attempt]);
      },
      refresh: async () => {},
      report: () => {},
      complain: () => millis(10_000),
    },
    signal,
  );
  work.catch(() => {});
  await time.runUntil(1, () => {});
  assert.deepEqual(started[0], ["init", 5]);
});
