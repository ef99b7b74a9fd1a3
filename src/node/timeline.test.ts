import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "../base/units.ts";
import { Timeline } from "./timeline.ts";

const clock = {
  monotonic: () => 0 as Instant,
  wall: () => new Date("2026-01-01T00:00:10Z"),
  sleep: () => Promise.reject(new TypeError("does not sleep")),
};

test("Timeline tells what happened in the order of time, also what is learned late", () => {
  const timeline = new Timeline(clock);
  timeline.add("a", "sandbox ready");
  timeline.add("a", "container ended", Date.parse("2026-01-01T00:00:09Z"));
  assert.deepEqual(timeline.ofPod("a"), [
    { at: "2026-01-01T00:00:09.000Z", text: "container ended" },
    { at: "2026-01-01T00:00:10.000Z", text: "sandbox ready" },
  ]);
  assert.deepEqual(timeline.ofPod("b"), []);
});

test("Timeline keeps the newest of each pod, and nothing of one that is forgotten", () => {
  const timeline = new Timeline(clock);
  for (let n = 0; n < 1000; n++) timeline.add("a", `${n}`);
  assert.equal(timeline.ofPod("a").length, 60);
  assert.equal(timeline.ofPod("a").at(-1)?.text, "999");
  timeline.forget("a");
  assert.equal(timeline.size, 0);
});
