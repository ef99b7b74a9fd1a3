import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeDocument } from "./decode.ts";
import type { Json } from "./json.ts";

const scalars: readonly [yaml: string, value: Json][] = [
  ["on", true],
  ["yes", true],
  ["Off", false],
  ["n", false],
  ["~", null],
  ["Null", null],
  ["", null],
  ["0777", 511],
  ["0x1F", 31],
  ["0b11", 3],
  ["0o17", 15],
  ["1_000", 1000],
  ["1e3", 1000],
  ["5.0", 5],
  ["1:30", "1:30"],
  ["2020-01-01", "2020-01-01"],
  ['"yes"', "yes"],
  ["!!str 5", "5"],
];
for (const [yaml, value] of scalars) {
  test(`decodeDocument() reads the scalar ${yaml || "(nothing)"} as upstream does`, async () => {
    assert.deepEqual(await decodeDocument(`a: ${yaml}\n`), { doc: { a: value }, duplicates: [], problems: [] });
  });
}

test("decodeDocument() reads JSON with tabs, and the first of several documents", async () => {
  assert.deepEqual((await decodeDocument('{\n\t"a": [1, {"b": "c"}]\n}')).doc, { a: [1, { b: "c" }] });
  assert.deepEqual((await decodeDocument("a: 1\n---\nb: 2\n")).doc, { a: 1 });
});

test("decodeDocument() names what stands twice, at any depth, and keeps the last", async () => {
  const { doc, duplicates } = await decodeDocument("a: 1\nb: [{c: 1, c: 2}]\na: 3\n");
  assert.deepEqual(doc, { a: 3, b: [{ c: 2 }] });
  assert.deepEqual(duplicates, ["b[0].c", "a"]);
});

const bomb = [
  "a: &a [x]",
  ..."bcdefg".split("").map((name, at) => `${name}: &${name} [${`*${"abcdef"[at]},`.repeat(9)}]`),
].join("\n");
const refused: readonly [name: string, text: string, message: RegExp][] = [
  ["an empty file", "", /is empty/],
  ["only comments", "# nothing\n", /holds no document|must hold an object/],
  ["a list", "- a\n", /must hold an object/],
  ["broken YAML", "a: [\n", /is no valid YAML: .*line 2/],
  ["binary garbage", "\u0000\u0001\ufffd: [", /is no valid YAML|must hold an object/],
  ["what is nested without end", "[".repeat(100_000), /nested too deeply/],
  ["what is far too long", `a: ${"x".repeat(2 ** 20)}`, /has more than/],
  ["an alias bomb", bomb, /cannot be decoded: .*alias/i],
];
for (const [name, text, message] of refused) {
  test(`decodeDocument() refuses ${name}`, async () => {
    const { problems } = await decodeDocument(text);
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.message ?? "", message);
  });
}
