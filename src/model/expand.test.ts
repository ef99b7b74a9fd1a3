import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { Expansion, expand } from "./expand.ts";

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

const waits = (error: unknown) => isFault(error, "waiting") && error.fault.reason === "CreateContainerConfigError";
const KIB = 1024;

test("expand() refuses what is longer than Linux takes, without making it", () => {
  const page = "x".repeat(KIB);
  assert.equal(expand("$(A)".repeat(128), () => page).length, 128 * KIB);
  assert.throws(() => expand("$(A)".repeat(129), () => page), waits);
  assert.throws(() => expand("$(A)".repeat(100_000), () => "x".repeat(10_000_000)), waits);
});

test("expand() leaves a long text without references to the runtime", () => {
  const long = "$$ $(NOPE)".padEnd(1024 * KIB, "x");
  assert.equal(expand(long, () => undefined).length, 1024 * KIB - 1);
});

test("Expansion refuses more than 6 MiB of all texts together", () => {
  const expansion = new Expansion();
  const most = () => expansion.expand("$(A)", () => "x".repeat(128 * KIB));
  for (let count = 0; count < 48; count++) most();
  assert.throws(most, waits);
});
