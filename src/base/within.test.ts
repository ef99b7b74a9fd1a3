import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { millis } from "./units.ts";
import { within } from "./within.ts";

/** Sleeps end when `end` is called, or with the signal. */
function handClock() {
  const sleeps: (() => void)[] = [];
  return {
    end: () => {
      for (const wake of sleeps) wake();
    },
    sleep: (_span: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        sleeps.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  };
}
const SPAN = millis(100);
const never = (signal: AbortSignal) =>
  new Promise<string>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("within() gives what the work gives, and leaves nothing behind", async () => {
  const { signal } = new AbortController();
  const result = await within(SPAN, handClock(), { work: async () => "done", late: () => "late", signal });
  assert.equal(result, "done");
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("within() ends the work when it is too late", async () => {
  const clock = handClock();
  let ended = false;
  const work = (signal: AbortSignal) => {
    signal.addEventListener("abort", () => {
      ended = true;
    });
    return never(signal);
  };
  const result = within(SPAN, clock, { work, late: () => "late", signal: new AbortController().signal });
  clock.end();
  assert.equal(await result, "late");
  assert.equal(ended, true);
});

test("within() rejects with the signal's reason, what the work throws, what late throws", async () => {
  const life = new AbortController();
  const stopped = within(SPAN, handClock(), { work: never, late: () => "late", signal: life.signal });
  life.abort(new Error("stop"));
  await assert.rejects(stopped, /stop/);
  await assert.rejects(
    within(SPAN, handClock(), { work: never, late: () => "late", signal: AbortSignal.abort(new Error("stop")) }),
    /stop/,
  );
  const { signal } = new AbortController();
  const fails = async () => {
    throw new Error("broken");
  };
  await assert.rejects(within(SPAN, handClock(), { work: fails, late: () => "late", signal }), /broken/);
  const clock = handClock();
  const late = () => {
    throw new Error("too late");
  };
  const tooLate = within(SPAN, clock, { work: never, late, signal });
  clock.end();
  await assert.rejects(tooLate, /too late/);
});
