import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { type ExecuteDeps, execute } from "./execute.ts";
import { Mailbox } from "./mailbox.ts";
import type { Memory } from "./memory.ts";

const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [] } };
const waiting = (text: string) => new KubeletError(text, { code: "waiting", reason: "" });

/** What a sandbox that lacks its configuration and its handler is said to lack, when each was found out at its time. */
async function lackOf(configAt: number, handlerAt: number): Promise<string> {
  const time = new VirtualTime();
  const { signal } = new AbortController();
  const clock = time.clock(signal);
  const deps = {
    sandboxConfig: async () => {
      await clock.sleep(seconds(configAt), signal);
      throw waiting("no DNS");
    },
    runtimeHandler: async () => {
      await clock.sleep(seconds(handlerAt), signal);
      throw waiting("no RuntimeClass");
    },
  } as unknown as ExecuteDeps;
  const mailbox = new Mailbox({ goal: "run", uid: "u", pod });
  const step = { kind: "run-sandbox", attempt: 0, replaces: false } as const;
  const done = execute(step, mailbox, {} as Memory, deps, signal).then(String, (error: KubeletError) => error.message);
  await time.runUntil(10_000, () => {});
  return done;
}

test("execute() says the same of a sandbox that lacks two things, whichever is found out first", async () => {
  assert.deepEqual([await lackOf(1, 2), await lackOf(2, 1)], ["no DNS", "no DNS"]);
});

test("execute() sets volumes up for the pod as it is by then, not as it was when that was planned", async () => {
  const { signal } = new AbortController();
  const labelled = (at: string): Pod => ({ ...pod, metadata: { ...pod.metadata, labels: { at } } });
  const mailbox = new Mailbox({ goal: "run", uid: "u", pod: labelled("first") });
  const seen: unknown[] = [];
  const deps = {
    files: {
      list: async () => undefined,
      makeDirectory: async () => mailbox.offer({ goal: "run", uid: "u", pod: labelled("directories") }),
    },
    rootDir: "/r",
    podLogsDir: "/l",
    cgroups: { ensure: async () => {} },
    see: () => ({ sandboxes: [{}] }),
    settling: {
      take: async (work: () => Promise<void>) => {
        mailbox.offer({ goal: "run", uid: "u", pod: labelled("turn") });
        await work();
      },
    },
    volumes: {
      setUp: async ({ metadata }: Pod) => {
        seen.push(metadata?.labels?.at);
        return new Map();
      },
    },
  } as unknown as ExecuteDeps;
  await execute({ kind: "prepare" }, mailbox, {} as Memory, deps, signal);
  assert.deepEqual(seen, ["directories"]);
});
