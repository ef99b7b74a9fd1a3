import assert from "node:assert/strict";
import { test } from "node:test";
import { untilAborted } from "../base/abort.ts";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Pods } from "./pods.ts";

const NEVER = new Promise<never>(() => {});

/** When pods with these workers have settled, of a kubelet that is asked to end at once. */
async function settledAt(...works: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<number | undefined> {
  const time = new VirtualTime();
  const stop = new AbortController();
  const left = [...works];
  const pods = new Pods(
    {
      log: silentLog,
      work: (_, signal) => left.shift()?.(signal) ?? NEVER,
      onGone: () => {},
      onBug: () => {},
      orphanGrace: () => undefined,
      orphanName: () => undefined,
    },
    stop.signal,
  );
  pods.want(works.map((_, place) => ({ metadata: { uid: `u${place}`, name: `p${place}`, namespace: "default" } })));
  stop.abort(new Error("asked to stop"));
  let at: number | undefined;
  void pods.settled(seconds(5), time.clock(new AbortController().signal)).then(() => {
    at = time.now();
  });
  await time.runUntil(60_000, () => {});
  return at;
}

test("Pods.settled() waits for workers, but not for one that hangs", async () => {
  assert.equal(await settledAt(untilAborted, untilAborted), 0);
  assert.equal(await settledAt(untilAborted, () => NEVER), 5_000);
});
