import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { Mailbox } from "./mailbox.ts";
import { Pods } from "./pods.ts";

const podOf = (uid: string): Pod => ({
  metadata: { name: "web", namespace: "default", uid },
  spec: { containers: [{ name: "web", image: "i" }] },
});

test("Pods cleans up a pod that only ever waited for its namesake, without disturbing that one", async () => {
  const workers = new Map<string, { readonly mailbox: Mailbox; readonly end: () => void }>();
  const pods = new Pods(
    {
      log: silentLog,
      work: (mailbox) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        workers.set(mailbox.intent.uid, { mailbox, end: resolve });
        return promise;
      },
      onGone: () => {},
      onBug: assert.ifError,
      orphanGrace: () => undefined,
      orphanName: () => undefined,
    },
    new AbortController().signal,
  );
  pods.want([podOf("first"), podOf("second")]);
  assert.deepEqual([...workers.keys()], ["first"]);
  pods.want([podOf("first")]);
  assert.deepEqual([...workers.keys()], ["first", "second"]);
  assert.equal(workers.get("second")?.mailbox.intent.goal, "stop");
  assert.equal(workers.get("first")?.mailbox.intent.goal, "run");
  workers.get("second")?.end();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual([pods.has("first"), pods.has("second")], [true, false]);
});
