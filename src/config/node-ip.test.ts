import assert from "node:assert/strict";
import { test } from "node:test";
import { load, problemsOfLoad } from "./fake-machine.ts";
import { nodeIpsOf } from "./node-ip.ts";

const taken: readonly (readonly [text: string, ips: readonly string[], ignored: readonly string[]])[] = [
  ["", [], []],
  ["10.0.0.2", ["10.0.0.2"], []],
  [" 10.0.0.2 , fd00::2", ["10.0.0.2", "fd00::2"], []],
  ["010.0.0.002", ["10.0.0.2"], []],
  ["0.0.0.0", ["0.0.0.0"], []],
  ["eth0", [], ["eth0"]],
  ["10.0.0.2,", ["10.0.0.2"], [""]],
];
for (const [text, ips, ignored] of taken) {
  test(`--node-ip=${text}`, async () => {
    assert.deepEqual(nodeIpsOf(text), { ips, ignored });
    const { warnings } = await load([`--node-ip=${text}`]);
    assert.equal(warnings.filter((warning) => warning.includes("--node-ip")).length, ignored.length > 0 ? 1 : 0);
  });
}

for (const text of ["10.0.0.2,10.0.0.3", "10.0.0.2,fd00::2,fd00::3", "0.0.0.0,fd00::2", "10.0.0.2,::"]) {
  test(`--node-ip=${text} is refused`, async () => {
    const problems = await problemsOfLoad(load([`--node-ip=${text}`]));
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["--node-ip"],
    );
  });
}
