import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isObject, type Json, type JsonObject, mergePatch, touches, valueAt, withoutNulls, withValue } from "./json.ts";

/** Examples of RFC 7386, appendix A, where they are objects. */
const merges: readonly [base: Json, patch: Json, merged: Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "foo" }, null, null],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];
for (const [base, patch, merged] of merges) {
  test(`mergePatch() of ${JSON.stringify(base)} with ${JSON.stringify(patch)}`, () => {
    assert.deepEqual(mergePatch(base, patch), merged);
  });
}

/** Documents as drop-ins are after their types were checked: a field is an object in all of them or in none. */
const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 2 }));
const document = fc.record(
  {
    port: leaf,
    list: leaf,
    map: fc.dictionary(fc.constantFrom("a", "b", "c"), leaf, { noNullPrototype: true }),
    deep: fc.record({ x: leaf, y: leaf }, { requiredKeys: [], noNullPrototype: true }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test("merging drop-ins is associative where no field is removed", () => {
  fc.assert(
    fc.property(document, document, document, (a, b, c) => {
      assert.deepEqual(mergePatch(mergePatch(a, b), c), mergePatch(a, mergePatch(b, c)));
    }),
  );
});

test("merging a document into itself, or nothing into it, changes nothing", () => {
  fc.assert(
    fc.property(document, (a) => {
      assert.deepEqual(mergePatch(a, a), a);
      assert.deepEqual(mergePatch(a, {}), a);
      assert.deepEqual(mergePatch({}, a), a);
    }),
  );
});

test("withValue() sets, makes and removes without touching its input", () => {
  const doc: JsonObject = { a: { b: 1 } };
  assert.deepEqual(withValue(doc, "a.c", 2), { a: { b: 1, c: 2 } });
  assert.deepEqual(withValue(doc, "x.y.z", true), { a: { b: 1 }, x: { y: { z: true } } });
  assert.deepEqual(withValue(doc, "a.b", undefined), { a: {} });
  assert.deepEqual(doc, { a: { b: 1 } });
});

test("valueAt() does not find what objects inherit", () => {
  assert.equal(valueAt({}, "constructor"), undefined);
  assert.equal(valueAt({ a: 1 }, "a.toString"), undefined);
});

const touched: readonly [patch: JsonObject, path: string, yes: boolean][] = [
  [{ a: { b: 1 } }, "a.b", true],
  [{ a: { b: null } }, "a.b", true],
  [{ a: null }, "a.b", true],
  [{ a: {} }, "a.b", false],
  [{ x: 1 }, "a.b", false],
];
for (const [patch, path, yes] of touched) {
  test(`touches() says ${yes} for ${path} in ${JSON.stringify(patch)}`, () => assert.equal(touches(patch, path), yes));
}

test("withoutNulls() removes nulls at every depth and leaves lists alone", () => {
  const cleaned = withoutNulls({ a: null, b: { c: null, d: 1 }, e: [null] });
  assert.deepEqual(cleaned, { b: { d: 1 }, e: [null] });
  assert.ok(isObject(cleaned));
});
