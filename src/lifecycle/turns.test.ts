import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../base/units.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Turns } from "./turns.ts";

test("take() lets two work at a time in order of arrival, and the next beside one that takes long", async () => {
  const time = new VirtualTime();
  const signal = new AbortController().signal;
  const clock = time.clock(signal);
  const turns = new Turns(2, millis(250), clock);
  const begun: string[] = [];
  const job = (name: string, span: number) =>
    turns.take(async () => {
      begun.push(`${name} at ${time.now()}`);
      await clock.sleep(millis(span), signal);
    }, signal);
  const all = Promise.all([job("a", 10), job("hangs", 10_000), job("b", 10), job("c", 10_000), job("d", 10)]);
  await time.runUntil(20_000, () => {});
  await all;
  assert.deepEqual(begun, ["a at 0", "hangs at 0", "b at 10", "c at 20", "d at 250"]);
});

test("take() gives a place back after a failure, and leaves the queue when it is aborted", async () => {
  const time = new VirtualTime();
  const clock = time.clock(new AbortController().signal);
  const turns = new Turns(1, millis(250), clock);
  const life = new AbortController();
  const failed = turns.take(() => Promise.reject(new Error("bad")), life.signal);
  await assert.rejects(failed, /bad/);
  const first = Promise.withResolvers<void>();
  const holds = turns.take(() => first.promise, new AbortController().signal);
  const waits = turns.take(() => Promise.resolve("never"), life.signal);
  life.abort(new Error("over"));
  await assert.rejects(waits, /over/);
  first.resolve();
  await holds;
  assert.equal(await turns.take(() => Promise.resolve("next"), new AbortController().signal), "next");
});
