import assert from "node:assert/strict";
import { test } from "node:test";
import { mountsBelow, parseMountinfo } from "./mountinfo.ts";

const TEXT = `23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 23 0:50 / /k/a\\040b rw,nosuid - tmpfs tmpfs rw,size=1k
41 23 0:51 / /k rw - tmpfs lower rw
42 23 0:52 / /k rw master:2 - tmpfs upper rw
43 23 0:53 / /kk rw - tmpfs other rw
half a line
`;

test("parseMountinfo() reads fields with any number of tags, and escapes", () => {
  const [root, spaced] = parseMountinfo(TEXT);
  assert.deepEqual([root?.target, root?.shared, root?.type, root?.source], ["/", true, "ext4", "/dev/vda"]);
  assert.deepEqual([spaced?.target, spaced?.shared, spaced?.options], ["/k/a b", false, ["rw", "nosuid"]]);
  assert.equal(parseMountinfo(TEXT).length, 5);
});

test("mountsBelow() puts deeper ones first, then what lies on top", () => {
  assert.deepEqual(
    mountsBelow(parseMountinfo(TEXT), "/k").map(({ source }) => source),
    ["tmpfs", "upper", "lower"],
  );
  assert.equal(mountsBelow(parseMountinfo(TEXT), "/").length, 5);
});

test("parseMountinfo() for one path leaves out none of the mounts there and below", () => {
  for (const path of ["/", "/k", "/k/a b", "/kk", "/none"]) {
    assert.deepEqual(mountsBelow(parseMountinfo(TEXT, path), path), mountsBelow(parseMountinfo(TEXT), path), path);
  }
  assert.equal(parseMountinfo(TEXT, "/kk").length, 1);
});
