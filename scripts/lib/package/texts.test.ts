/** Man page, completions and bill of materials name what the program has, and nothing else. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { verbUsages } from "../../../src/cli/index.ts";
import { FLAGS_BY_NAME } from "../../../src/config/table.ts";
import { Scratch } from "../../../test/support/scratch.ts";
import { run } from "../run.ts";
import { bashCompletion, zshCompletion } from "./completion.ts";
import { dependencies, noticesText } from "./dependencies.ts";
import { manPage } from "./man.ts";
import { buildTime } from "./release.ts";
import { sbom } from "./sbom.ts";

const ROOT = join(import.meta.dirname, "../../..");
const DATE = new Date("2026-01-02T00:00:00Z");
const page = manPage({ version: "1.2.3", date: DATE, verbs: verbUsages() });
/** What a reader sees of it. */
const seen = page.replaceAll("\\-", "-").replaceAll("\\(dq", '"').replaceAll("\\e", "\\").replaceAll("\\&", "");

test("the man page has every flag and every verb", () => {
  for (const [name, { option }] of FLAGS_BY_NAME) {
    const entry = new RegExp(`^\\.B (-\\w, )?--${name}( \\S+)?$`, "m");
    assert.match(seen, entry);
    assert.ok(seen.includes(option.help), option.help);
  }
  for (const { usage } of verbUsages()) assert.ok(seen.includes(`.B kubelet ${usage}\n`), usage);
  const entries = seen.match(/^\.B .*--[\w-]+( \S+)?$/gm)?.filter((line) => !line.startsWith(".B kubelet"));
  assert.equal(entries?.length, FLAGS_BY_NAME.size + 1, "these and --help");
});

test("no line of the man page is taken for a request by accident", () => {
  const requests = [".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".BR", ".br"];
  for (const line of page.split("\n").filter((each) => /^[.']/.test(each)))
    assert.ok(requests.includes(line.split(" ")[0] ?? ""), line);
  const odd = manPage({ version: "1", date: DATE, verbs: [{ usage: "odd", help: '.start \\d "-x" .' }] });
  assert.ok(odd.includes("\\&.start \\ed \\(dq\\-x\\(dq .\n"));
});

/** What bash offers at the end of these words. */
async function offered(scratch: Scratch, ...words: readonly string[]): Promise<string[]> {
  const file = scratch.path("completion");
  writeFileSync(file, bashCompletion(verbUsages()));
  // The program, which lists pods for the completion.
  const kubelet = 'kubelet() { printf "NAMESPACE NAME READY\\ndefault web 1/1\\ndefault worker 1/1\\n"; }';
  const script = `${kubelet}; . ${file}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kubelet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = await run("bash", ["-u", "-c", script, "bash", "kubelet", ...words]);
  return out.split("\n").filter((line) => line !== "");
}

test("bash completes verbs, their words, pods, formats and flags", async () => {
  await using scratch = new Scratch("completion");
  const names = verbUsages().map(({ usage }) => usage.split(" ")[0]);
  assert.deepEqual(await offered(scratch, ""), names);
  assert.deepEqual(await offered(scratch, "desc"), ["describe"]);
  assert.deepEqual(await offered(scratch, "get", "po"), ["pods"]);
  assert.deepEqual(await offered(scratch, "logs", "w"), ["web", "worker"]);
  assert.deepEqual(await offered(scratch, "logs", "--ta"), ["--tail"]);
  assert.deepEqual(await offered(scratch, "get", "pods", "-o", ""), ["wide", "json", "yaml"]);
  assert.deepEqual(await offered(scratch, "--root-d"), ["--root-dir="]);
  assert.deepEqual(await offered(scratch, "config", "view", "--root-d"), ["--root-dir="]);
  const flags = await offered(scratch, "--");
  assert.equal(flags.length, FLAGS_BY_NAME.size + 2);
  assert.deepEqual(await offered(scratch, "nothing", "x"), []);
});

test("zsh gets every verb and every flag, with what it is for", () => {
  const text = zshCompletion(verbUsages());
  for (const name of FLAGS_BY_NAME.keys()) assert.match(text, new RegExp(`^ {4}'--${name}=?\\[`, "m"));
  for (const { usage } of verbUsages()) assert.match(text, new RegExp(`^ {4}'${usage.split(" ")[0]}:`, "m"));
});

/** As if a bundle had been made from these. */
const INPUTS = [
  "@grpc/grpc-js/build/src/index.js",
  "yaml/browser/index.js",
  "@grpc/proto-loader/node_modules/protobufjs/index.js",
];

test("the bill of materials has each package with version, licence and digest, and Node, koffi and the pause image", () => {
  const all = dependencies(INPUTS.map((path) => join(ROOT, "node_modules", path)));
  const made = {
    version: "1.2.3",
    kubelet: Buffer.from("kubelet"),
    nodeParts: { v8: "14.6", modules: "147" },
    time: DATE,
  };
  const { packages, relationships, spdxVersion } = JSON.parse(sbom({ ...made, dependencies: all }));
  assert.equal(spdxVersion, "SPDX-2.3");
  const names: string[] = packages.map(({ name }: { name: string }) => name);
  const arch = process.arch;
  for (const name of [
    "kubelet-ts",
    "@grpc/grpc-js",
    "protobufjs",
    "yaml",
    `node-linux-${arch}`,
    `@koromix/koffi-linux-${arch}`,
  ])
    assert.ok(names.includes(name), name);
  assert.ok(names.includes("v8") && !names.includes("modules"));
  assert.ok(names.includes("kubelet.local/pause:1"));
  for (const { name, versionInfo, licenseDeclared, checksums, comment } of packages) {
    assert.ok(versionInfo && licenseDeclared, name);
    if (comment?.startsWith("Built into Node")) continue;
    assert.match(checksums[0].checksumValue, /^([0-9a-f]{64}|[0-9a-f]{128})$/, name);
  }
  const ids = new Set(packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID));
  assert.equal(ids.size, packages.length);
  for (const { relatedSpdxElement } of relationships) assert.ok(ids.has(relatedSpdxElement), relatedSpdxElement);
});

test("every licence that is shipped brings its text", () => {
  const all = dependencies(INPUTS.map((path) => join(ROOT, "node_modules", path)));
  for (const { name, notices } of all) assert.ok(notices.join("").length > 400, `${name} has no licence text`);
  assert.match(noticesText(all), /^@grpc\/grpc-js [\d.]+ \(Apache-2\.0\)$/m);
});

test("SOURCE_DATE_EPOCH is the time of the build", () => {
  assert.equal(buildTime("1700000000").toISOString(), "2023-11-14T22:13:20.000Z");
  assert.deepEqual(buildTime(""), buildTime(undefined));
  assert.throws(() => buildTime("yesterday"), /SOURCE_DATE_EPOCH is "yesterday": it must be seconds since 1970/);
});
