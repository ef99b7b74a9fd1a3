import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, seconds } from "../base/units.ts";
import { type Beginning, firstAt, nextAt } from "./timing.ts";

const NOW = 1_000_000;
const base: Beginning = {
  kind: "readiness",
  probe: { periodSeconds: 10 },
  now: instant(NOW),
  runsFor: 500,
  adopted: false,
  chance: 0.5,
};

const cases: readonly { name: string; given: Partial<Beginning>; after: number }[] = [
  { name: "asks for readiness at once", given: {}, after: 0 },
  {
    name: "waits for the rest of the initial delay",
    given: { probe: { periodSeconds: 10, initialDelaySeconds: 3 } },
    after: 2_500,
  },
  { name: "gives a container one period before its failures count", given: { kind: "liveness" }, after: 10_000 },
  {
    name: "takes the initial delay instead",
    given: { kind: "liveness", probe: { periodSeconds: 10, initialDelaySeconds: 3 } },
    after: 2_500,
  },
  { name: "spreads what is known over a period after a restart", given: { adopted: { known: true } }, after: 5_000 },
  { name: "spreads what is not known over a second", given: { adopted: { known: false } }, after: 500 },
  {
    name: "is not fooled by a clock that was set back",
    given: { runsFor: -3_600_000, probe: { periodSeconds: 10, initialDelaySeconds: 3 } },
    after: 3_000,
  },
];
for (const { name, given, after } of cases)
  test(`firstAt() ${name}`, () => assert.equal(firstAt({ ...base, ...given }), NOW + after));

test("nextAt() keeps to the grid, and asks at once when it is late", () => {
  assert.equal(nextAt(instant(1000), instant(1500), seconds(1)), 2000);
  assert.equal(nextAt(instant(1000), instant(5500), seconds(1)), 5500);
});
