import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { instant } from "../base/units.ts";
import type { EventRecord } from "../ports/events.ts";
import { EventLog } from "./event-log.ts";

function logAt() {
  let now = 0;
  const clock = { monotonic: () => instant(now), wall: () => new Date(++now), sleep: () => Promise.resolve() };
  return new EventLog(clock, silentLog);
}
const event = (uid: string, message: string): EventRecord => ({
  type: "Normal",
  reason: "Started",
  message,
  about: { kind: "pod", uid, name: uid, namespace: "default" },
});

test("EventLog counts equal events together and moves them to the end", () => {
  const log = logAt();
  for (const message of ["a", "b", "a"]) log.record(event("u", message));
  assert.deepEqual(
    log.ofPod("u").map(({ message, count, firstAt, lastAt }) => ({ message, count, firstAt, lastAt })),
    [
      { message: "b", count: 1, firstAt: 2, lastAt: 2 },
      { message: "a", count: 2, firstAt: 1, lastAt: 3 },
    ],
  );
});

test("EventLog keeps what happened to one container apart from the same of another", () => {
  const log = logAt();
  const about = { kind: "pod", uid: "u", name: "u", namespace: "default" } as const;
  for (const name of ["a", "b", "a"]) {
    log.record({ ...event("u", "Container started"), about: { ...about, fieldPath: `spec.containers{${name}}` } });
  }
  assert.deepEqual(
    log.ofPod("u").map(({ about, count }) => [about.kind === "pod" && about.fieldPath, count]),
    [
      ["spec.containers{b}", 1],
      ["spec.containers{a}", 2],
    ],
  );
});

test("EventLog keeps a chatty pod from pushing out the others", () => {
  const log = logAt();
  log.record(event("quiet", "once"));
  for (let index = 0; index < 5_000; index++) log.record(event("chatty", `${index}`));
  assert.equal(log.ofPod("quiet").length, 1);
  assert.equal(log.ofPod("chatty").length, 100);
  assert.equal(log.ofPod("chatty").at(-1)?.message, "4999");
});

test("EventLog does not grow with the number of pods", () => {
  const log = logAt();
  for (let index = 0; index < 10_000; index++) log.record(event(`${index}`, "x"));
  assert.equal(log.all().length, 2_000);
});
