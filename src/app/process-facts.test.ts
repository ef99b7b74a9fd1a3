import assert from "node:assert/strict";
import { test } from "node:test";
import { maxFilesOf, readProcess, virtualBytesOf } from "./process-facts.ts";

test("virtualBytesOf() finds its field behind any name", () => {
  const fields = Array.from({ length: 50 }, (_, n) => `${n + 3}`);
  assert.equal(virtualBytesOf(`17 (a) b ) ${fields.join(" ")}`), 23);
  assert.equal(virtualBytesOf(""), 0);
});

test("maxFilesOf() reads the soft limit", () => {
  assert.equal(
    maxFilesOf("Limit  Soft Limit  Hard Limit\nMax open files            1024       4096      files\n"),
    1024,
  );
  assert.equal(maxFilesOf(""), 0);
});

test("readProcess() says the same start each time, also when the clock was set", async (t) => {
  const before = await readProcess();
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 3_600_000 });
  const after = await readProcess();
  assert.equal(after.startSeconds, before.startSeconds);
  assert.ok(Math.abs(before.startSeconds - performance.timeOrigin / 1000) < 5);
});
