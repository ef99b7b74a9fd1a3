import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quotaOf, sharesOf } from "./cpu.ts";

test("sharesOf() gives upstream's anchors", () => {
  const anchors = [
    [0, 2],
    [1, 2],
    [2, 2],
    [3, 3],
    [100, 102],
    [250, 256],
    [1000, 1024],
    [4000, 4096],
    [256_000, 262144],
    [999_999, 262144],
  ] as const;
  for (const [millicores, shares] of anchors) assert.equal(sharesOf(millicores), shares, `${millicores}m`);
});

test("quotaOf() gives upstream's anchors", () => {
  const anchors = [
    [0, 100000, 0],
    [1, 100000, 1000],
    [10, 100000, 1000],
    [15, 100000, 1500],
    [200, 100000, 20000],
    [2000, 100000, 200000],
    [500, 10000, 5000],
    [50, 10000, 1000],
  ] as const;
  for (const [millicores, period, quota] of anchors)
    assert.equal(quotaOf(millicores, period), quota, `${millicores}m of ${period}`);
});

test("sharesOf() and quotaOf() never fall as the request rises", () => {
  const millicores = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(
    fc.property(millicores, millicores, fc.integer({ min: 1000, max: 1_000_000 }), (a, b, period) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return (
        sharesOf(low) <= sharesOf(high) && quotaOf(low, period) <= quotaOf(high, period) && quotaOf(low, period) >= 1000
      );
    }),
  );
});
