/** What was built can be built again by anybody: the same bytes from the same sources, wherever they lie. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../../scripts/lib/run.ts";
import { Scratch } from "../support/scratch.ts";

const ROOT = join(import.meta.dirname, "../..");
const SOURCES = ["src", "scripts", "test/support", "package.json", "package-lock.json", "CHANGELOG.md", "LICENSE"];

/** Prints the path of what it built. V8's compiled code is left out: it depends on what ran first. */
const PROGRAM = `
import { join } from "node:path";
import { buildKubelet, inputsOf } from "./scripts/build.ts";
import { makeRelease } from "./scripts/lib/package/release.ts";
const { launcher } = await buildKubelet(undefined, join(process.cwd(), "dist"), { compiled: false, keep: join(process.cwd(), "base") });
const { sums } = await makeRelease({ kubelet: launcher, version: "0.0.0-test", inputs: inputsOf("dist") });
console.log(sums);
`;

test("two builds in two folders are the same bytes but for V8's compiled code", async () => {
  await using scratch = new Scratch("reproducible");
  const folders = [scratch.path("one"), scratch.path("another/and-deeper")] as const;
  for (const source of SOURCES) cpSync(join(ROOT, source), join(folders[0], source), { recursive: true });
  // Of the copy, as somebody may be working on the sources.
  cpSync(folders[0], folders[1], { recursive: true });
  const sums: string[] = [];
  for (const folder of folders) {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const args = ["--input-type=module", "--eval", PROGRAM];
    const out = await run(process.execPath, args, {
      cwd: folder,
      env: { SOURCE_DATE_EPOCH: "1700000000" },
      timeout: 240_000,
    });
    sums.push(readFileSync(out.trim(), "utf8"));
  }
  assert.match(sums[0] ?? "", /^[0-9a-f]{64} {2}kubelet\n[0-9a-f]{64} {2}kubelet-ts_0\.0\.0~test_\w+\.deb\n/);
  assert.equal(sums[0], sums[1]);
});
