import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fault, KubeletError } from "../base/fault.ts";
import { millis, seconds } from "../base/units.ts";
import { Chance } from "../sim/chance.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { isAlreadyExists, isConflict, isExpired, isNotFound, isTransient, Pace, retrying } from "./retry.ts";

const fault = (fault: Fault) => new KubeletError("no", fault);
const refusal = (status: number, reason = "", retryAfter?: number) =>
  fault({
    code: "api-refused",
    status,
    reason,
    ...(retryAfter === undefined ? {} : { retryAfter: seconds(retryAfter) }),
  });
const UNAVAILABLE = fault({ code: "api-unavailable", server: "https://s" });

test("what is worth another try", () => {
  assert.ok(isTransient(UNAVAILABLE));
  for (const status of [429, 500, 503, 504]) assert.ok(isTransient(refusal(status)), `${status}`);
  for (const status of [400, 401, 403, 404, 409, 410, 422]) assert.ok(!isTransient(refusal(status)), `${status}`);
  assert.ok(!isTransient(new TypeError("bug")));
});

test("refusals are told apart", () => {
  assert.ok(isNotFound(refusal(404, "NotFound")));
  assert.ok(isExpired(refusal(410, "Gone")));
  assert.ok(isConflict(refusal(409, "Conflict")));
  assert.ok(!isConflict(refusal(409, "AlreadyExists")));
  const invalid = (text: string) => new KubeletError(text, { code: "api-refused", status: 422, reason: "Invalid" });
  assert.ok(isConflict(invalid('Pod "a" is invalid: metadata.uid: Invalid value: "u": field is immutable')));
  assert.ok(!isConflict(invalid('Pod "a" is invalid: spec.containers: Forbidden')));
  assert.ok(isAlreadyExists(refusal(409, "AlreadyExists")));
});

function openTime() {
  const time = new VirtualTime();
  const { signal } = new AbortController();
  return { time, signal, clock: time.clock(signal) };
}

test("Pace: waits double from 0.8 s to 30 s, each up to twice as long, and are short again after a good minute", async () => {
  const { time, clock } = openTime();
  const pace = new Pace({ clock, random: new Chance(3) });
  let base = 800;
  for (let turn = 0; turn < 12; turn++) {
    const wait = pace.next();
    assert.ok(wait >= base && wait < 2 * base, `turn ${turn}: ${wait}`);
    base = Math.min(base * 2, 30_000);
    await time.runUntil(time.now() + wait, () => {});
  }
  await time.runUntil(time.now() + 59_000, () => {});
  const wait = pace.next();
  assert.ok(wait >= 30_000, "not yet a minute");
  assert.ok(pace.next(UNAVAILABLE) < 20_000, "a server that is not reached is spared nothing");
  await time.runUntil(time.now() + 60_000 + 61_000, () => {});
  assert.ok(pace.next() < 1600);
});

test("Pace: never shorter than the server asked for, and no longer than five minutes and a quarter", () => {
  const { clock } = openTime();
  const pace = new Pace({ clock, random: new Chance(4) });
  assert.ok(pace.next(refusal(429, "", 10)) >= 10_000);
  assert.ok(pace.next(refusal(429, "", 1e9)) <= 375_000);
});

test("retrying(): goes on until it works, and tells of each failure", async () => {
  const { time, signal, clock } = openTime();
  const failures: unknown[] = [UNAVAILABLE, refusal(500), refusal(429, "", 1)];
  const left = [...failures];
  const told: unknown[] = [];
  const options = { clock, random: new Chance(5), onFailure: (error: unknown) => void told.push(error) };
  const work = retrying(async () => (left.length > 0 ? Promise.reject(left.shift()) : "done"), options, signal);
  await time.runUntil(60_000, () => {});
  assert.equal(await work, "done");
  assert.deepEqual(told, failures);
});

test("retrying(): a refusal that stays, the last of many, and an abort end it", async () => {
  const { time, clock } = openTime();
  const random = new Chance(6);
  const { signal } = new AbortController();
  await assert.rejects(
    retrying(() => Promise.reject(refusal(403, "Forbidden")), { clock, random }, signal),
    (error) => error instanceof KubeletError && error.fault.code === "api-refused" && error.fault.status === 403,
  );
  let calls = 0;
  const failing = () => Promise.reject(++calls % 2 === 0 ? UNAVAILABLE : refusal(429));
  const curve = { first: millis(10), longest: millis(20) };
  const limited = assert.rejects(
    retrying(failing, { clock, random, curve, refusals: 3 }, signal),
    (error) => error instanceof KubeletError && error.fault.code === "api-refused",
  );
  await time.runUntil(time.now() + 1000, () => {});
  await limited;
  assert.equal(calls, 5);
  const stop = new AbortController();
  const endless = assert.rejects(retrying(failing, { clock, random }, stop.signal), /enough/);
  await time.runUntil(time.now() + 1000, () => {});
  stop.abort(new Error("enough"));
  await endless;
});
