/** What we say of static pods' UIDs is what the pinned Kubernetes says: the generated files are those that Go makes now. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { staticPodUidFiles } from "../../scripts/generate-static-pod-uid.ts";

const ROOT = join(import.meta.dirname, "../..");

test("the table of Go's types and the UIDs in the fixtures are up to date", async () => {
  for (const [path, text] of Object.entries(await staticPodUidFiles()))
    assert.equal(readFileSync(join(ROOT, path), "utf8"), text, `${path}: run node scripts/generate-static-pod-uid.ts`);
});
