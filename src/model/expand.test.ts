import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expand } from "./expand.ts";

const values: { readonly [name: string]: string } = { A: "1", B: "$(A)", EMPTY: "", "odd name": "x" };
const cases: readonly [text: string, expected: string][] = [
  ["", ""],
  ["plain", "plain"],
  ["$(A)", "1"],
  ["$(A)$(A)", "11"],
  ["a-$(A)-b", "a-1-b"],
  ["$(NOPE)", "$(NOPE)"],
  ["$(EMPTY)", ""],
  ["$(B)", "$(A)"],
  ["$$(A)", "$(A)"],
  ["$$$(A)", "$1"],
  ["$$$$(A)", "$$(A)"],
  ["$A", "$A"],
  ["$", "$"],
  ["$$", "$"],
  ["$(A", "$(A"],
  ["$(A$(A)", "$(A$(A)"],
  ["$()", "$()"],
  ["$(odd name)", "x"],
  ["$(A))", "1)"],
  ["\u{1F600}$(A)", "\u{1F600}1"],
];
for (const [text, expected] of cases) {
  test(`expand() turns ${JSON.stringify(text)} into ${JSON.stringify(expected)}`, () => {
    assert.equal(
      expand(text, (name) => values[name]),
      expected,
    );
  });
}

test("expand() gives back any text whose dollar signs are doubled", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(
        expand(text.replaceAll("$", "$$$$"), (name) => values[name]),
        text,
      );
    }),
  );
});
