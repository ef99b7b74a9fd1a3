import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { Life, orAborted, untilAborted } from "./abort.ts";

test("orAborted() gives what the promise gives, and leaves no listener behind", async () => {
  const { signal } = new AbortController();
  assert.equal(await orAborted(Promise.resolve(1), signal), 1);
  await assert.rejects(orAborted(Promise.reject(new Error("no")), signal), /^Error: no$/);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("orAborted() rejects with the reason, whether it comes before or meanwhile", async () => {
  const life = new AbortController();
  const waiting = [orAborted(new Promise(() => {}), life.signal), untilAborted(life.signal)];
  life.abort(new Error("over"));
  for (const one of waiting) await assert.rejects(one, /^Error: over$/);
  await assert.rejects(orAborted(Promise.resolve(1), life.signal), /^Error: over$/);
});

test("Life ends with its parent, also one that has ended, and leaves no listener behind", () => {
  const parent = new AbortController();
  const [whole, over] = [new Life(parent.signal), new Life(parent.signal)];
  over[Symbol.dispose]();
  assert.equal(getEventListeners(parent.signal, "abort").length, 1);
  parent.abort("done");
  assert.deepEqual([whole.signal.reason, over.signal.aborted], ["done", false]);
  assert.equal(new Life(parent.signal).signal.reason, "done");
  whole[Symbol.dispose]();
  assert.equal(getEventListeners(parent.signal, "abort").length, 0);
});
