import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { adaptLimit, type Limit, startingLimit } from "./limit.ts";

/** A runtime whose calls take `work` ms of one core each, and `wait` ms of something that does not get slower by company. */
function drive(limit: Limit, calls: number, cores: number, work: number, wait = 0): Limit {
  let next = limit;
  for (let call = 0; call < calls; call++) {
    const inFlight = Math.floor(next.value);
    const latency = wait + work * Math.max(1, inFlight / cores);
    next = adaptLimit(next, { call: "RunPodSandbox", latency, inFlight, failed: false });
  }
  return next;
}

/** The same, after a single call alone has shown what one costs. */
const settle = (cores: number, work: number, wait = 0): number => {
  const alone = { call: "RunPodSandbox", latency: wait + work, inFlight: 1, failed: false };
  return drive(adaptLimit(startingLimit(cores), alone), 500, cores, work, wait).value;
};

describe("adaptLimit()", () => {
  it("begins at two calls a core", () => assert.equal(startingLimit(2).value, 4));

  it("stays near two calls a core for a runtime that only computes", () => {
    assert.ok(Math.abs(settle(2, 100) - 4.5) < 1.5, `${settle(2, 100)}`);
    assert.ok(Math.abs(settle(8, 100) - 16.5) < 2, `${settle(8, 100)}`);
  });

  it("grows far for a runtime that only waits", () => assert.ok(settle(2, 1, 1500) > 20));

  it("shrinks when a machine becomes slow, and recovers", () => {
    const busy = drive(drive(startingLimit(8), 100, 8, 100), 15, 1, 100);
    assert.ok(busy.value < 12, `${busy.value}`);
    assert.ok(drive(busy, 400, 8, 100).value > 12);
  });

  it("learns nothing from failures and from calls that had company to spare", () => {
    const limit = startingLimit(4);
    assert.deepEqual(adaptLimit(limit, { call: "x", latency: 5, inFlight: 8, failed: true }), limit);
    assert.equal(adaptLimit(limit, { call: "x", latency: 5, inFlight: 1, failed: false }).value, limit.value);
  });

  it("stays within its bounds whatever it is told", () => {
    const sample = fc.record({
      call: fc.constantFrom("a", "b"),
      latency: fc.double({ min: 0, max: 1e9, noNaN: true }),
      inFlight: fc.integer({ min: 1, max: 100 }),
      failed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.array(sample, { maxLength: 200 }), (cores, samples) => {
        const { value, floor } = samples.reduce(adaptLimit, startingLimit(cores));
        assert.ok(value >= floor && value <= 64, `${value}`);
      }),
    );
  });
});
