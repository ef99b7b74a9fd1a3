import assert from "node:assert/strict";
import { test } from "node:test";
import { flagsOfUnit, startLine, wordsOfVariable } from "./start-line.ts";
import { flagsUnit, packagedUnit, standaloneUnit } from "./units.ts";

const files: readonly (readonly [text: string, words: readonly string[]])[] = [
  ["", []],
  ["OTHER=--a\nMY_ARGS=--b\n#ARGS=--c\n; ARGS=--d\n", []],
  ['ARGS="--node-ip=10.0.0.2 --v=4"\n', ["--node-ip=10.0.0.2", "--v=4"]],
  ["ARGS=--node-ip=10.0.0.2   --v=4  \r\nB=1", ["--node-ip=10.0.0.2", "--v=4"]],
  ["ARGS='--a --b'\nARGS=\n", []],
  ["ARGS=--a\nARGS=--b", ["--b"]],
  ["ARGS=--a \\\n  --b\nC=--c", ["--a", "--b"]],
  ['ARGS="--a \\\n--b"', ["--a", "--b"]],
  [`ARGS="--a='x y' --b=\\"u v\\" --c"`, ["--a=x y", "--b=u v", "--c"]],
  [`ARGS='--eviction-hard="memory.available<1Gi"'`, ["--eviction-hard=memory.available<1Gi"]],
];
for (const [text, words] of files) {
  test(`wordsOfVariable() of ${JSON.stringify(text)}`, () => assert.deepEqual(wordsOfVariable(text, "ARGS"), words));
}

const texts: { readonly [path: string]: string } = {
  "/var/lib/kubelet/kubeadm-flags.env": 'KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.2"\n',
  "/etc/default/kubelet": "KUBELET_EXTRA_ARGS=--v=4\n",
};
const host = { read: async (path: string) => texts[path] };
const wish = { binDir: "/usr/bin", flags: [], start: false } as const;

test("startLine() has kubeadm's flags, then the administrator's", async () => {
  const line = await startLine({ ...wish, mode: "kubeadm" }, true, host);
  assert.deepEqual(line?.slice(-3), ["--config=/var/lib/kubelet/config.yaml", "--node-ip=10.0.0.2", "--v=4"]);
  assert.equal(await startLine({ ...wish, mode: "kubeadm" }, false, host), undefined);
});

test("startLine() of a node without a cluster has nothing of kubeadm's", async () => {
  const line = await startLine({ ...wish, mode: "standalone", flags: ["--max-pods=20"] }, false, host);
  assert.deepEqual(line, ["--config=/etc/kubelet/config.yaml", "--max-pods=20", "--v=4"]);
});

test("flagsOfUnit() reads what install has written", () => {
  const flags = ["--max-pods=20", "--node-labels=a=50%", "--x=$HOME", '--y=two "words"'];
  assert.deepEqual(flagsOfUnit(flagsUnit("/usr/local/bin/kubelet", flags)), flags);
  const standalone = standaloneUnit("/usr/local/bin/kubelet", { flags });
  assert.deepEqual(flagsOfUnit(standalone), ["--config=/etc/kubelet/config.yaml", ...flags]);
});

test("flagsOfUnit() leaves other units alone", () => {
  const byHand = "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_EXTRA_ARGS\n";
  for (const unit of ["", packagedUnit(), byHand]) assert.equal(flagsOfUnit(unit), undefined);
});
