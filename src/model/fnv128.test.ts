import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fnv128 } from "./fnv128.ts";

const utf8 = new TextEncoder();

test("fnv128() gives the published values", () => {
  assert.equal(fnv128(utf8.encode("")), "6c62272e07bb014262b821756295c58d");
  assert.equal(fnv128(utf8.encode("a")), "d228cb696f1a8caf78912b704e4a8964");
});

test("fnv128() equals the definition in big integers", () => {
  const slow = (bytes: Uint8Array) => {
    let hash = 0x6c62272e07bb014262b821756295c58dn;
    for (const byte of bytes) hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * (2n ** 88n + 0x13bn));
    return hash.toString(16).padStart(32, "0");
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.equal(fnv128(bytes), slow(bytes))));
});
