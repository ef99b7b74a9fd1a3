import assert from "node:assert/strict";
import { test } from "node:test";
import type { VolumeMount } from "../model/kubernetes.ts";
import { nestedMountPoints } from "./nested.ts";

const at = (name: string, mountPath: string): VolumeMount => ({ name, mountPath });
const CASES: readonly [what: string, mounts: readonly VolumeMount[], expected: readonly string[]][] = [
  ["nothing inside", [at("v", "/etc/v"), at("o", "/etc/w")], []],
  ["a mount inside", [at("v", "/etc/v"), at("o", "/etc/v/in")], ["in"]],
  ["the outermost only", [at("v", "/d"), at("o", "/d/n"), at("p", "/d/n/x"), at("q", "/d/n-v")], ["n", "n-v"]],
  ["names that only begin alike", [at("v", "/etc/v"), at("o", "/etc/vv/in")], []],
  ["unclean paths", [at("v", "/etc//v/"), at("o", "/etc/v/./in/")], ["in"]],
  ["a mount in one of two places", [at("v", "/a"), at("v", "/b"), at("o", "/b/in")], ["in"]],
];
for (const [what, volumeMounts, expected] of CASES) {
  test(`nestedMountPoints() finds ${what}`, () => {
    const pod = { spec: { containers: [{ name: "c", volumeMounts }] } };
    assert.deepEqual(nestedMountPoints("v", pod), expected);
  });
}

test("nestedMountPoints() refuses a mount that climbs", () => {
  const pod = { spec: { containers: [{ name: "c", volumeMounts: [at("v", "../x"), at("o", "../x/y")] }] } };
  assert.throws(() => nestedMountPoints("v", pod), /invalid container mount point/);
});
