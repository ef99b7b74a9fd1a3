/**
 * Writes the code for messages from our .proto files: `src/adapters/cri/generated/cri.js` (encode and decode, nothing else) and its
 * types. Not in git. Does nothing when inputs and generator are those of the last run.
 *
 *   node scripts/generate.ts [--force]
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { run } from "./lib/run.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = join(ROOT, "src/adapters/cri/proto");
const TARGET = join(ROOT, "src/adapters/cri/generated");
const STAMP = join(TARGET, "inputs.sha256");

/** No creators, checks, conversions to JSON, Any URLs or services: the transport calls `encode` and `decode` only. 64-bit numbers are numbers. */
const FLAGS = ["create", "verify", "convert", "delimited", "typeurl", "service"].map((part) => `--no-${part}`);

const require = createRequire(import.meta.url);
const cli = require.resolve("protobufjs-cli/package.json");
const protos = readdirSync(SOURCES)
  .filter((name) => name.endsWith(".proto"))
  .sort()
  .map((name) => join(SOURCES, name));
const key = inputsKey([...protos, cli, fileURLToPath(import.meta.url)]);

if (process.argv.includes("--force") || !isCurrent()) await generate();

async function generate(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "kubelet-ts-generate-"));
  try {
    const out = join(scratch, "cri.js");
    const pbjs = join(dirname(cli), "bin/pbjs");
    await run(process.execPath, [
      ...[pbjs, "--target", "static-module", "--wrap", "esm", "--force-number", "--dts", ...FLAGS],
      ...["--out", out, ...protos],
    ]);
    mkdirSync(TARGET, { recursive: true });
    const code = replaceOnce(
      readFileSync(out, "utf8"),
      /^import .* from "protobufjs\/minimal(\.js)?";$/m,
      'import { protobuf as $protobuf } from "../protobuf.ts";',
    );
    const small = await transform(code, { loader: "js", format: "esm", minifyWhitespace: true, minifySyntax: true });
    const types = replaceOnce(
      readFileSync(join(scratch, "cri.d.ts"), "utf8"),
      /^import .*\nimport Long .*$/m,
      'import type * as $protobuf from "protobufjs/minimal.js";',
    );
    writeWhole("cri.js", small.code);
    writeWhole("cri.d.ts", types.replace(/\/\*\*[\s\S]*?\*\/\s*/g, ""));
    writeWhole("inputs.sha256", `${key}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A new generator may write its head in another form: better to stop here than to ship code with the wrong import. */
function replaceOnce(text: string, pattern: RegExp, replacement: string): string {
  if (!pattern.test(text)) throw new Error(`Cannot adapt generated code: nothing matches ${pattern}`);
  return text.replace(pattern, replacement);
}

/** Two runs at once must not leave half a file. */
function writeWhole(name: string, content: string): void {
  const temporary = join(TARGET, `.${name}.${process.pid}`);
  writeFileSync(temporary, content);
  renameSync(temporary, join(TARGET, name));
}

function inputsKey(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path.slice(ROOT.length)).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

function isCurrent(): boolean {
  try {
    return (
      ["cri.js", "cri.d.ts"].every((name) => readFileSync(join(TARGET, name)).length > 0) &&
      readFileSync(STAMP, "utf8").trim() === key
    );
  } catch {
    return false;
  }
}
