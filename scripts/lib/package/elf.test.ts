import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NODE } from "./base.ts";
import { neededVersions, strip } from "./elf.ts";

test("strip() drops what is not loaded, keeps the rest byte for byte, and can be done twice", () => {
  const node = readFileSync(NODE);
  const stripped = strip(node);
  assert.ok(stripped.length < node.length);
  const loaded = loadedBytes(node);
  assert.ok(loaded > 64 && loaded <= stripped.length);
  // The header names the place of the section table, which has moved.
  assert.ok(stripped.subarray(64, loaded).equals(node.subarray(64, loaded)));
  assert.deepEqual(neededVersions(stripped), neededVersions(node));
  assert.ok(strip(stripped).equals(stripped));
});

test("strip() refuses what is no ELF file", () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(200), readFileSync(import.meta.filename)])
    assert.throws(() => strip(bytes), /not a little-endian ELF file of 64 bits/);
});

/** End of the last segment of type LOAD in the file (elf(5), Elf64_Phdr). */
function loadedBytes(file: Buffer): number {
  const table = Number(file.readBigUInt64LE(0x20));
  const ends = Array.from({ length: file.readUInt16LE(0x38) }, (_, index) => file.subarray(table + index * 56))
    .filter((header) => header.readUInt32LE(0) === 1)
    .map((header) => Number(header.readBigUInt64LE(8) + header.readBigUInt64LE(32)));
  return Math.max(...ends);
}
