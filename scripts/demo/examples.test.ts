import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { fieldsWithoutEffect, unsupportedFields } from "../../src/containers/index.ts";
import { readManifest } from "../../src/sources/manifest.ts";
import { EXAMPLES, FILES } from "./story.ts";

describe("examples/", () => {
  for (const name of readdirSync(EXAMPLES)) {
    test(`${name} is a pod that this kubelet runs as it stands`, async () => {
      const where = join(EXAMPLES, name);
      const origin = { source: "file", where, nodeName: "demo", seen: new Date(0) } as const;
      const manifest = await readManifest(readFileSync(where), origin);
      assert(manifest.kind === "pods", JSON.stringify(manifest));
      assert.deepEqual(manifest.warnings, []);
      for (const pod of manifest.pods)
        assert.deepEqual(
          [...fieldsWithoutEffect(pod, false), ...unsupportedFields(pod, false)],
          [],
          `${name} uses all it says`,
        );
    });
  }

  test("the demo shows every one of them", () => {
    assert.deepEqual(
      readdirSync(EXAMPLES).map((name) => basename(name, ".yaml")),
      [...FILES].sort(),
    );
  });
});
