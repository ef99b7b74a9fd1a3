import assert from "node:assert/strict";
import { test } from "node:test";
import { untilAborted } from "../base/abort.ts";
import { millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { type ExecuteDeps, execute } from "./execute.ts";
import { isHurry, Mailbox } from "./mailbox.ts";
import type { Memory } from "./memory.ts";
import type { Step } from "./step.ts";

const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [] } };

/** When a step that never ends by itself ended, in a pod that is told to stop at 1 s. */
async function endOf(step: Step): Promise<number | undefined> {
  const time = new VirtualTime();
  const { signal } = new AbortController();
  const deps = {
    clock: time.clock(signal),
    files: { list: async () => undefined, makeDirectory: async () => {} },
    rootDir: "/r",
    podLogsDir: "/l",
    cgroups: { ensure: async () => {} },
    see: () => undefined,
    know: () => {},
    volumes: { setUp: (_: Pod, life: AbortSignal) => untilAborted(life) },
    sandboxConfig: async () => ({ logDirectory: "/l/p" }),
    runtimeHandler: async () => "",
    runtime: { runSandbox: (_config: unknown, _handler: string, life: AbortSignal) => untilAborted(life) },
  } as unknown as ExecuteDeps;
  const mailbox = new Mailbox({ goal: "run", uid: "u", pod });
  let ended: number | undefined;
  execute(step, mailbox, {} as Memory, deps, signal).catch((error) => {
    if (isHurry(error)) ended = time.now();
  });
  time.at(1_000, () => mailbox.offer({ goal: "stop", uid: "u", pod, grace: seconds(30) }));
  await time.runUntil(600_000, () => {});
  return ended;
}

test("execute() ends what a pod waits for when it is to stop: volumes at once, a sandbox when it is not nearly there", async () => {
  assert.equal(await endOf({ kind: "prepare" }), 1_000);
  assert.equal(await endOf({ kind: "run-sandbox", attempt: 0, replaces: false }), 11_000);
});

test("Mailbox.whileWanted() leaves work alone that ends in time, and ends with the kubelet", async () => {
  const life = new AbortController();
  const time = new VirtualTime();
  const clock = time.clock(life.signal);
  const mailbox = new Mailbox({ goal: "run", uid: "u", pod });
  const done = mailbox.whileWanted(seconds(10), clock, life.signal, (signal) => clock.sleep(seconds(5), signal));
  const ended = mailbox.whileWanted(seconds(10), clock, life.signal, untilAborted);
  ended.catch(() => {});
  mailbox.offer({ goal: "stop", uid: "u", pod, grace: millis(0) });
  await time.runUntil(9_000, () => {});
  await done;
  life.abort(new Error("shut down"));
  await assert.rejects(ended, /shut down/);
});
