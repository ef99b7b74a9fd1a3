import assert from "node:assert/strict";
import { test } from "node:test";
import { sideBySide } from "./side-by-side.ts";

test("gives all results in their order", async () => {
  assert.deepEqual(await sideBySide([Promise.resolve(1), Promise.resolve("two")]), [1, "two"]);
});

test("when one fails, the others have ended before that is told", async () => {
  const slow = Promise.withResolvers<void>();
  let slowEnded = false;
  const all = sideBySide([Promise.reject(new Error("first")), slow.promise.then(() => (slowEnded = true))]);
  setImmediate(() => slow.resolve());
  await assert.rejects(all, /first/);
  assert.equal(slowEnded, true);
});
