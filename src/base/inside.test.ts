import assert from "node:assert/strict";
import { test } from "node:test";
import { isInside } from "./inside.ts";

const cases: readonly (readonly [name: string, directory: string, path: string, expected: boolean])[] = [
  ["a file in the directory", "/var/log/pods", "/var/log/pods/a/0.log", true],
  ["a directory given with a slash at its end", "/var/log/pods/", "/var/log/pods/a/0.log", true],
  ["the root", "/", "/a", true],
  ["the directory itself", "/var/log/pods", "/var/log/pods", false],
  ["a name that only begins alike", "/var/log/pods", "/var/log/pods2/a", false],
  ["a way out", "/var/log/pods", "/var/log/pods/../../../etc/shadow", false],
  ["a way out and in again", "/var/log/pods", "/var/log/../log/pods/a", true],
  ["a relative path", "/var/log/pods", "var/log/pods/a", false],
  ["nothing", "/var/log/pods", "", false],
];

for (const [name, directory, path, expected] of cases) {
  test(`isInside() of ${name}`, () => assert.equal(isInside(directory, path), expected));
}
