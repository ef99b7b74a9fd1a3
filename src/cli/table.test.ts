import assert from "node:assert/strict";
import { test } from "node:test";
import { age, renderTable } from "./table.ts";

test("renderTable() aligns columns, ends lines clean, and disarms control characters", () => {
  const lines = [
    ["A", "B"],
    ["long", ""],
    ["\u001b[2J", "x\ny"],
  ];
  assert.equal(renderTable(lines), "A        B\nlong\n\\x1b[2J  x y\n");
});

const now = new Date("2026-01-01T00:00:00Z");
const ages: readonly [seconds: number, text: string][] = [
  [-5, "0s"],
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [200, "3m20s"],
  [600, "10m"],
  [3 * 3600, "3h"],
  [3 * 3600 + 600, "3h10m"],
  [8 * 3600, "8h"],
  [48 * 3600, "2d"],
  [51 * 3600, "2d3h"],
  [20 * 86_400, "20d"],
  [800 * 86_400, "2y70d"],
];
for (const [seconds, text] of ages) {
  test(`age() says ${text} for ${seconds} s`, () => assert.equal(age(now.getTime() - seconds * 1000, now), text));
}
test("age() says - for no time", () => assert.deepEqual([age(undefined, now), age("nonsense", now)], ["-", "-"]));
