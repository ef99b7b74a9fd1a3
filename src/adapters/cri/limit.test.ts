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
  it("begins at four calls a core, and no machine has more than 64", () => {
    assert.equal(startingLimit(2).value, 8);
    assert.equal(startingLimit(64).value, 64);
  });

  it("stays at four calls a core for a runtime that only computes", () => {
    assert.equal(settle(2, 100), 8);
    assert.equal(settle(8, 100), 32);
  });

  it("grows far for a runtime that only waits", () => assert.ok(settle(2, 1, 1500) > 20));

  it("goes back to four calls a core when a runtime that waited has to compute, and recovers", () => {
    const alone = { call: "RunPodSandbox", latency: 1500, inFlight: 1, failed: false };
    const grown = drive(adaptLimit(startingLimit(2), alone), 300, 2, 1, 1500);
    assert.ok(grown.value > 20, `${grown.value}`);
    const busy = drive(grown, 100, 2, 1000, 1500);
    assert.equal(busy.value, 8);
    assert.ok(drive(busy, 300, 2, 1, 1500).value > 20);
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
