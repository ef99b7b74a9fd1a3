import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatGoDuration, parseGoDuration } from "./go-duration.ts";

const parsed: readonly [string, bigint | undefined][] = [
  ["0", 0n],
  ["-0", 0n],
  ["5s", 5_000_000_000n],
  ["1h15m30.918273645s", 4_530_918_273_645n],
  ["-.5s", -500_000_000n],
  ["1.s", 1_000_000_000n],
  ["39h9m14.425s", 140_954_425_000_000n],
  ["12us", 12_000n],
  ["12µs", 12_000n],
  ["0.3333333333333333333h", 1_199_999_999_999n],
  ["9223372036854775807ns", 2n ** 63n - 1n],
  ["-9223372036854775808ns", -(2n ** 63n)],
  ["9223372036854775808ns", undefined],
  ["", undefined],
  ["3", undefined],
  [".s", undefined],
  ["s", undefined],
  ["1d", undefined],
  ["1 s", undefined],
  ["--1s", undefined],
  ["1h 5m", undefined],
];
for (const [text, nanos] of parsed) {
  test(`parseGoDuration() reads ${JSON.stringify(text)}`, () => assert.equal(parseGoDuration(text), nanos));
}

const written: readonly [bigint, string][] = [
  [0n, "0s"],
  [1n, "1ns"],
  [1_100n, "1.1µs"],
  [2_200_000n, "2.2ms"],
  [3_300_000_000n, "3.3s"],
  [60_000_000_000n, "1m0s"],
  [245_000_000_000n, "4m5s"],
  [14_400_000_000_000n, "4h0m0s"],
  [-5_000_000_000n, "-5s"],
];
for (const [nanos, text] of written) {
  test(`formatGoDuration() writes ${text}`, () => assert.equal(formatGoDuration(nanos), text));
}

test("a duration survives writing and reading", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (nanos) => {
      assert.equal(parseGoDuration(formatGoDuration(nanos)), nanos);
    }),
  );
});
