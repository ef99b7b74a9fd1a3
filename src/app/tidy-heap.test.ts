import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { millis, seconds } from "../base/units.ts";
import { isTimeToTidy } from "./tidy-heap.ts";

const MB = 1024 * 1024;

describe("isTimeToTidy()", () => {
  const rows = [
    { name: "collects once after the start", busy: 50, heap: 40, before: 0, expected: true },
    { name: "leaves a busy node alone", busy: 900, heap: 90, before: 20, expected: false },
    { name: "collects when it is quiet after a busy time", busy: 20, heap: 90, before: 20, expected: true },
    { name: "leaves a heap alone that has hardly grown", busy: 20, heap: 23, before: 20, expected: false },
    { name: "leaves a heap alone that has shrunk", busy: 20, heap: 15, before: 20, expected: false },
  ];
  for (const { name, busy, heap, before, expected } of rows) {
    test(name, () => {
      const look = { busy: millis(busy), span: seconds(10), heap: heap * MB, heapBefore: before * MB };
      assert.equal(isTimeToTidy(look), expected);
    });
  }
});
