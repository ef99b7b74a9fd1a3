import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { Mailbox } from "./mailbox.ts";
import { Pods } from "./pods.ts";

const podOf = (uid: string, source = "file"): Pod => ({
  metadata: { name: "web", namespace: "default", uid, annotations: { "kubernetes.io/config.source": source } },
  spec: { containers: [{ name: "web", image: "i" }] },
});

function running() {
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
  return { pods, workers };
}

test("Pods cleans up a pod that only ever waited for its namesake, without disturbing that one", async () => {
  const { pods, workers } = running();
  pods.want([podOf("first"), podOf("second")]);
  assert.deepEqual([...workers.keys()], ["first"]);
  assert.deepEqual([pods.isNameHeld("web_default", "second"), pods.isNameHeld("web_default", "first")], [true, false]);
  pods.want([podOf("first")]);
  assert.deepEqual([...workers.keys()], ["first", "second"]);
  assert.equal(workers.get("second")?.mailbox.intent.goal, "stop");
  assert.equal(workers.get("first")?.mailbox.intent.goal, "run");
  workers.get("second")?.end();
  await new Promise(setImmediate);
  assert.deepEqual([pods.has("first"), pods.has("second")], [true, false]);
});

test("Pods stops what runs of a pod whose namesake was first, and starts it when that one is gone", async () => {
  const { pods, workers } = running();
  pods.want([podOf("first")]);
  pods.want([podOf("first"), podOf("second")]);
  pods.stopOrphans(["first", "second"]);
  assert.deepEqual(
    [...workers.values()].map(({ mailbox }) => mailbox.intent.goal),
    ["run", "stop"],
  );
  workers.get("second")?.end();
  await new Promise(setImmediate);
  assert.equal(pods.has("second"), false, "it waits again");
  pods.want([podOf("second")]);
  workers.get("first")?.end();
  await new Promise(setImmediate);
  assert.equal(workers.get("second")?.mailbox.intent.goal, "run");
});

test("Pods of the API server that have one name do not wait for each other: the older was deleted by force", () => {
  const { pods, workers } = running();
  pods.want([podOf("first", "api")]);
  pods.want([podOf("second", "api")]);
  assert.deepEqual(
    [...workers.values()].map(({ mailbox }) => mailbox.intent.goal),
    ["stop", "run"],
  );
});

test("Pods stops what the API server is to delete, and lets go of it when the API server has", () => {
  const { pods, workers } = running();
  const pod = podOf("first", "api");
  const dying = (grace: number): Pod => ({
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: grace },
  });
  const intent = () => {
    const held = workers.get("first")?.mailbox.intent;
    return held?.goal === "stop" ? [held.grace, held.keep] : held?.goal;
  };
  pods.want([pod]);
  assert.equal(intent(), "run");
  pods.want([dying(20)]);
  assert.deepEqual(intent(), [20_000, true]);
  pods.want([dying(40)]);
  assert.deepEqual(intent(), [20_000, true]);
  pods.want([dying(0)]);
  assert.deepEqual(intent(), [1_000, true]);
  pods.want([]);
  assert.deepEqual(intent(), [1_000, false]);
});
