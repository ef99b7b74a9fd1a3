import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../base/units.ts";
import type { Clock } from "./clock.ts";

/** `run` lets time pass while `work` waits: a simulated clock advances, a real one just waits. */
export function clockContract(name: string, clock: Clock, run: <T>(work: Promise<T>) => Promise<T>): void {
  test(`${name}: sleep() lasts at least its span, and the monotonic clock shows it`, async () => {
    const start = clock.monotonic();
    await run(clock.sleep(millis(20), new AbortController().signal));
    assert.ok(clock.monotonic() - start >= 20);
  });

  test(`${name}: sleep() of nothing ends`, () => run(clock.sleep(millis(0), new AbortController().signal)));

  test(`${name}: sleep() ends with the reason of the abort, at once`, async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(millis(3_600_000), stop.signal);
    stop.abort(new Error("woken"));
    await assert.rejects(run(sleeping), /woken/);
    await assert.rejects(run(clock.sleep(millis(1), stop.signal)), /woken/, "aborted before it began");
  });

  test(`${name}: short sleeps end before long ones`, async () => {
    const { signal } = new AbortController();
    const order: number[] = [];
    const sleeps = [30, 10, 20].map((span) => clock.sleep(millis(span), signal).then(() => order.push(span)));
    await run(Promise.all(sleeps));
    assert.deepEqual(order, [10, 20, 30]);
  });

  test(`${name}: wall() gives a new Date each time`, () => {
    const first = clock.wall();
    first.setFullYear(1980);
    assert.notEqual(clock.wall().getFullYear(), 1980);
  });
}
