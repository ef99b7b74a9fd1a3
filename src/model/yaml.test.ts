import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { MAX_MANIFEST_BYTES, manifestText, parseYamlDocument } from "./yaml.ts";

const utf8 = new TextEncoder();

const values: readonly (readonly [string, unknown])[] = [
  ["a: yes", { a: true }],
  ["a: 'yes'", { a: "yes" }],
  ["a: off", { a: false }],
  ["a: 0644", { a: 420 }],
  ["a: 0o644", { a: 420 }],
  ["a: 0x10", { a: 16 }],
  ["a: ~", { a: null }],
  ["a:", { a: null }],
  ["a: 1_000", { a: 1000 }],
  ["a: 1e3", { a: 1000 }],
  ["a: 10:30", { a: "10:30" }],
  ["a: 2006-01-02", { a: "2006-01-02" }],
  ["a: 2006-01-02T03:04:05Z", { a: "2006-01-02T03:04:05Z" }],
  ["a: &x {b: 1}\nc: *x", { a: { b: 1 }, c: { b: 1 } }],
  ["a: &x {b: 1}\nc: {<<: *x, d: 2}", { a: { b: 1 }, c: { b: 1, d: 2 } }],
  ['{"a": [1, "b", null]}', { a: [1, "b", null] }],
  ['{\n\t"a":\t1\n}', { a: 1 }],
  ["1: x", { 1: "x" }],
  ["---\n---\na: 1\n", { a: 1 }],
  ["\ufeffa: 1", { a: 1 }],
  ["a: |\n  x\n  y\n", { a: "x\ny\n" }],
];

test("parseYamlDocument() reads YAML as the Go kubelet does", async () => {
  for (const [text, want] of values) assert.deepEqual((await parseYamlDocument(text, "f")).value, want, text);
});

const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi".replace(/./g, (name, index: number) => {
  const last = "abcdefghi"[index] ?? "";
  return `${name}: &${name} [${Array(9).fill(`*${last}`).join(",")}]\n`;
})}`;

const failures: readonly (readonly [string, string, RegExp])[] = [
  ["duplicate key", "a: 1\nb: 2\na: 3\n", /^Cannot read f: line 3:1: gives "a" twice in one object: remove one$/],
  ["duplicate key in JSON", '{"a": 1, "a": 2}', /line 1:10: gives "a" twice/],
  ["syntax", "a: [1, 2\nb: 3", /^Cannot read f: line 2:\d+: /],
  ["tabs", "a:\n\tb: 1", /line 2:\d+: /],
  ["empty", "# nothing\n", /is empty/],
  ["control character", "a: 1\nb: \u0001", /line 2:4: holds the control character 0x01/],
  ["alias bomb", bomb, /aliases/],
  ["self reference", "a: &a [*a]", /line 1:8: repeats what it is part of/],
  ["unknown alias", "a: *b", /Cannot read f: line 1:4/],
  ["deep", "[".repeat(100_000), /nested too deeply/],
  ["many aliases", `a: &a 1\nb: [${"*a,".repeat(1001)}]`, /line 2:\d+: is alias number 1001/],
  ["a mistake per line", "@\n".repeat(50_000), /line 1:1: Plain value cannot start with reserved character @/],
  ["large and not JSON", `a: ${"x".repeat(3 * 1024 * 1024)}`, /is not JSON/],
];

test("parseYamlDocument() says where and what to do", async () => {
  for (const [name, text, message] of failures)
    await assert.rejects(parseYamlDocument(text, "f"), (error: unknown) => {
      assert.ok(error instanceof KubeletError, `${name}: ${error}`);
      assert.equal(error.fault.code, "manifest-invalid", name);
      assert.match(error.message, message, name);
      return true;
    });
});

test("parseYamlDocument() finds no repeated keys in a large map, in time", async () => {
  const text = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join("\n");
  assert.equal(Object.keys((await parseYamlDocument(text, "f")).value as object).length, 20_000);
});

test("parseYamlDocument() counts the documents that it leaves out", async () => {
  assert.deepEqual(await parseYamlDocument("a: 1\n---\nb: 1\n---\n", "f"), { value: { a: 1 }, ignoredDocuments: 1 });
});

test("manifestText() refuses what is too large or no text", () => {
  assert.equal(manifestText(utf8.encode("a: ü"), "f"), "a: ü");
  assert.throws(() => manifestText(new Uint8Array(MAX_MANIFEST_BYTES + 1), "f"), /more than 10485760 bytes/);
  assert.throws(() => manifestText(new Uint8Array([97, 10, 98, 0xff, 0xfe]), "f"), /line 2:2: is not UTF-8 text/);
});
