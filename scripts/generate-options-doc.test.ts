import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OPTIONS_DOC, renderOptionsDoc } from "./generate-options-doc.ts";

test("docs/options.md is current: run `node scripts/generate-options-doc.ts` after a change of the option table", () => {
  assert.equal(readFileSync(OPTIONS_DOC, "utf8"), renderOptionsDoc());
});
