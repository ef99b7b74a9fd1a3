import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addQuantities,
  bytesText,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  maxQuantity,
  millisText,
  parseQuantity,
  quantityMillis,
  quantityUnits,
  roundToMillis,
  subtractQuantities,
} from "./quantity.ts";

const canonical: readonly (readonly [string, string])[] = [
  ["0", "0"],
  ["-0", "0"],
  ["1000", "1k"],
  ["1000m", "1"],
  ["100m", "100m"],
  ["0.1", "100m"],
  [".5", "500m"],
  ["5.", "5"],
  ["+1", "1"],
  ["-1.5Gi", "-1536Mi"],
  ["1.5Gi", "1536Mi"],
  ["1024Ki", "1Mi"],
  ["1023", "1023"],
  ["0.5Ki", "512"],
  ["1.00001Ki", "1024010240u"],
  ["1e3", "1e3"],
  ["1E3", "1e3"],
  ["1e-3", "1e-3"],
  ["12e1", "120"],
  ["1E", "1E"],
  ["0.0000000001", "1n"],
  ["1e-400", "1e-9"],
  ["9e99999", "9223372036854775807"],
  ["100Ei", "9223372036854775807"],
  ["1u", "1u"],
];

test("canonicalQuantity() writes what the API server writes", () => {
  for (const [text, want] of canonical) assert.equal(canonicalQuantity(text), want, text);
});

test("parseQuantity() refuses what is no quantity", () => {
  for (const text of [
    "",
    ".",
    "-",
    "1K",
    "1ki",
    "1 Gi",
    "1Gi ",
    "0x10",
    "1e",
    "1e1.5",
    "1mi",
    "Mi",
    "--1",
    "1kk",
    "1".repeat(200),
    "NaN",
  ])
    assert.equal(parseQuantity(text), undefined, text);
});

test("quantities convert to whole units and thousandths, rounding up", () => {
  assert.equal(quantityUnits("1.5Gi"), 1610612736);
  assert.equal(quantityUnits("1m"), 1);
  assert.equal(quantityUnits("-1500m"), -1);
  assert.equal(quantityUnits("9E"), Number.MAX_SAFE_INTEGER);
  assert.equal(quantityUnits(undefined), 0);
  assert.equal(quantityMillis("0.1"), 100);
  assert.equal(quantityMillis("2"), 2000);
  assert.equal(quantityMillis("1n"), 1);
  assert.equal(roundToMillis("1n"), "1m");
  assert.equal(roundToMillis("0.1234"), "124m");
  assert.equal(bytesText(64 * 1024 * 1024), "64Mi");
  assert.equal(bytesText(1000), "1k");
  assert.equal(millisText(1500), "1500m");
});

test("subtractQuantities() keeps the format and stops at nothing", () => {
  assert.equal(subtractQuantities("1Gi", "512Mi"), "512Mi");
  assert.equal(subtractQuantities("4", "500m"), "3500m");
  assert.equal(subtractQuantities("1Gi", "1"), "1073741823");
  assert.equal(subtractQuantities("1", "2"), "0");
  assert.equal(subtractQuantities("nonsense", "2"), "0");
});

test("quantities compare and add across formats", () => {
  assert.equal(compareQuantities("1Ki", "1024"), 0);
  assert.ok(compareQuantities("1k", "1Ki") < 0);
  assert.equal(addQuantities("1Gi", "512Mi"), "1536Mi");
  assert.equal(addQuantities("0", "1Gi"), "1Gi");
  assert.equal(addQuantities("900m", "100m"), "1");
  assert.equal(maxQuantity("1k", "1Ki"), "1Ki");
});

test("formatQuantity() and parseQuantity() are a round trip", () => {
  const amount = fc.record({
    nano: fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
    format: fc.constantFrom("decimal" as const, "binary" as const, "exponent" as const),
  });
  fc.assert(
    fc.property(amount, (given) => {
      const text = formatQuantity(given);
      const back = parseQuantity(text);
      assert.equal(back?.nano, given.nano);
      assert.equal(back && canonicalQuantity(text), text);
    }),
  );
});
