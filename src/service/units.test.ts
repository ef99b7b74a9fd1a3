import assert from "node:assert/strict";
import { test } from "node:test";
import { flagsUnit, kubeadmDropIn, packagedUnit, standaloneConfig, standaloneUnit } from "./index.ts";
import { unitWord } from "./words.ts";

/** The values of a unit's setting, in order, with continued lines joined. */
function settings(text: string, name: string): readonly string[] {
  const lines = text.replace(/\\\n\s*/g, "").split("\n");
  return lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
}

const words: readonly (readonly [word: string, written: string])[] = [
  ["--config=/etc/kubelet/config.yaml", "--config=/etc/kubelet/config.yaml"],
  ["--node-labels=a=b,c=d", "--node-labels=a=b,c=d"],
  ["--x=50%", "--x=50%%"],
  ["--x=$HOME", "--x=$$HOME"],
  ["two words", '"two words"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["", '""'],
  [";", '";"'],
  ["it's", '"it\'s"'],
];
for (const [word, written] of words) {
  test(`the word ${JSON.stringify(word)} is written ${written}`, () => assert.equal(unitWord(word), written));
}

test("a word with a line break can't stand in a unit", () => {
  assert.throws(() => unitWord("a\nExecStartPre=/bin/evil"), /line break/);
});

test("every unit stops the kubelet alone, tells systemd when it is up, and never gives up", () => {
  for (const text of [packagedUnit(), standaloneUnit("/usr/local/bin/kubelet"), flagsUnit("/k", [])]) {
    assert.deepEqual(settings(text, "Type"), ["notify"]);
    assert.deepEqual(settings(text, "KillMode"), ["process"]);
    assert.deepEqual(settings(text, "Restart"), ["always"]);
    assert.deepEqual(settings(text, "RestartSec"), ["10"]);
    assert.deepEqual(settings(text, "StartLimitIntervalSec"), ["0"]);
    assert.deepEqual(settings(text, "WatchdogSec"), ["60"]);
    assert.equal(settings(text, "ExecStart").length, 1);
  }
});

test("the package's unit gets its flags by kubeadm's drop-in, in kubeadm's order", () => {
  assert.deepEqual(settings(packagedUnit(), "ExecStart"), ["/usr/bin/kubelet"]);
  const dropIn = kubeadmDropIn("/usr/local/bin/kubelet");
  assert.deepEqual(settings(dropIn, "ExecStart"), [
    "",
    "/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS",
  ]);
  assert.deepEqual(settings(dropIn, "EnvironmentFile"), [
    "-/var/lib/kubelet/kubeadm-flags.env",
    "-/etc/default/kubelet",
  ]);
  assert.deepEqual(settings(dropIn, "Environment"), [
    '"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"',
    '"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"',
  ]);
});

test("a standalone unit has a configuration of its own and may exclude another", () => {
  const text = standaloneUnit("/usr/bin/kubelet", { excludes: "kubelet.service", flags: ["--v=2"] });
  assert.deepEqual(settings(text, "ExecStart"), [
    "/usr/bin/kubelet --config=/etc/kubelet/config.yaml --v=2 $KUBELET_EXTRA_ARGS",
  ]);
  assert.deepEqual(settings(text, "Conflicts"), ["kubelet.service"]);
  assert.match(standaloneConfig(), /^staticPodPath: \/etc\/kubelet\/pods$/m);
});
