import assert from "node:assert/strict";
import { test } from "node:test";
import { BackoffTable, backoffCurve, blockedSinceEvent } from "./backoff.ts";
import { millis } from "./units.ts";

const curve = backoffCurve(millis(10_000), millis(300_000), millis(600_000));

test("BackoffTable doubles from 10 s to 300 s", () => {
  const table = new BackoffTable(curve);
  const delays: number[] = [];
  for (let at = 0; at < 8; at++) delays.push(table.next("a", at * 1000, at * 1000).delay);
  assert.deepEqual(delays, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
  assert.equal(table.current("a"), 300_000);
  assert.equal(table.current("b"), 0);
});

test("backoffCurve() lowers the base to the cap", () => {
  assert.equal(backoffCurve(millis(10_000), millis(1_000), millis(600_000)).base, 1_000);
});

test("BackoffTable.blockedSinceEvent() counts from the event", () => {
  const table = new BackoffTable(curve);
  assert.equal(table.blockedSinceEvent("a", 0, 0), undefined, "nothing known: the first restart is immediate");
  table.next("a", 1_000, 1_100);
  const cases: readonly [name: string, eventAt: number, now: number, end: number | undefined][] = [
    ["just ended", 2_000, 2_000, 12_000],
    ["last moment", 2_000, 11_999, 12_000],
    ["over", 2_000, 12_000, undefined],
    ["ran for more than ten minutes", 601_101, 601_101, undefined],
    ["clock cut to whole milliseconds", 2_000.9, 2_000, 12_000.9],
    ["clock set back by an hour", 3_602_000, 2_000, undefined],
  ];
  for (const [name, eventAt, now, end] of cases) assert.equal(table.blockedSinceEvent("a", eventAt, now), end, name);
});

test("BackoffTable starts afresh after a long quiet", () => {
  const table = new BackoffTable(curve);
  table.next("a", 0, 0);
  table.next("a", 0, 0);
  assert.equal(table.next("a", 600_001, 600_001).delay, 10_000);
});

test("BackoffTable.blockedSinceUpdate() counts from the last advance", () => {
  const table = new BackoffTable(curve);
  table.next("a", 500, 500);
  assert.equal(table.blockedSinceUpdate("a", 600), 10_500);
  assert.equal(table.blockedSinceUpdate("a", 10_500), undefined);
  table.sweep(700_000);
  assert.equal(table.current("a"), 0);
  table.next("a", 0, 0);
  table.forget("a");
  assert.equal(table.current("a"), 0);
});

test("blockedSinceEvent() without an entry never blocks", () => {
  assert.equal(blockedSinceEvent(undefined, 5, 5, curve), undefined);
});
