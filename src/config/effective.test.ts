import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { effectiveRows, renderEffective } from "./effective.ts";
import { HEADER, load, loadYaml, problemsOfLoad } from "./fake-machine.ts";
import { renderHelp } from "./help.ts";
import { FIELDS, FLAGS_BY_NAME } from "./table.ts";
import { toVersioned } from "./versioned.ts";

const SECRET = "staticPodURLHeader: {Authorization: [Bearer abc]}\n";

test("effectiveRows() has every option once, with value, origin and effect", async () => {
  const rows = effectiveRows(await loadYaml("maxPods: 5\nenableContentionProfiling: true\n", ["--root-dir=/r"]));
  assert.equal(new Set(rows.map(({ option }) => option)).size, rows.length);
  assert.equal(
    rows.length,
    Object.keys(FIELDS).length + [...FLAGS_BY_NAME.values()].filter(({ kind }) => kind === "flag").length,
  );
  const row = (name: string) => rows.find(({ option }) => option === name);
  assert.deepEqual(row("maxPods"), { option: "maxPods", value: 5, origin: "file /etc/k.yaml", effect: "yes" });
  assert.deepEqual(row("--root-dir"), { option: "--root-dir", value: "/r", origin: "flag --root-dir", effect: "yes" });
  assert.deepEqual(row("enableContentionProfiling")?.effect, "not-yet");
  assert.deepEqual(row("port"), { option: "port", value: 10250, origin: "default", effect: "yes" });
  assert.match(row("address")?.origin ?? "", /^standalone \(no client CA/);
  assert.equal(row("maxParallelImagePulls")?.value, null);
});

test("secrets are masked in every form of the effective configuration, and only there", async () => {
  const config = await loadYaml(SECRET);
  for (const format of ["table", "json", "yaml"] as const) {
    const text = await renderEffective(config, format);
    assert.ok(!text.includes("abc") && text.includes("Authorization") && text.includes("<masked>"), format);
  }
  assert.deepEqual(toVersioned(config).staticPodURLHeader, { Authorization: ["Bearer abc"] });
  assert.deepEqual(toVersioned(config, { masked: true }).staticPodURLHeader, { Authorization: ["<masked>"] });
});

test("renderEffective() writes a table for people, JSON and YAML for programs", async () => {
  const config = await load([]);
  const lines = (await renderEffective(config, "table")).split("\n");
  assert.match(lines[0] ?? "", /^OPTION +VALUE +EFFECT +ORIGIN$/);
  assert.ok(lines.some((line) => /^syncFrequency +1m0s +yes +default$/.test(line)));
  assert.deepEqual(JSON.parse(await renderEffective(config, "json")), effectiveRows(config));
  assert.deepEqual(parse(await renderEffective(config, "yaml")), effectiveRows(config));
});

test("toVersioned() leads back to the same configuration", async () => {
  const yaml =
    "syncFrequency: 90s\nenforceNodeAllocatable: []\nevictionHard: {pid.available: 5%}\nresolvConf: ''\nregisterWithTaints: [{key: a, effect: NoExecute}]\n";
  const first = await loadYaml(`${yaml}${SECRET}`);
  const written = toVersioned(first);
  assert.equal(written.kind, "KubeletConfiguration");
  assert.equal(written.syncFrequency, "1m30s");
  assert.deepEqual([written.enforceNodeAllocatable, written.resolvConf, written.staticPodPath], [[], "", undefined]);
  const second = await load(["--config=/k.json"], { files: { "/k.json": JSON.stringify(written) } });
  assert.deepEqual(second.kubelet, first.kubelet);
  assert.deepEqual(toVersioned(second), written);
});

test("renderHelp() names every flag once, within 100 columns, by group", () => {
  const help = renderHelp();
  for (const name of FLAGS_BY_NAME.keys()) {
    assert.equal(help.match(new RegExp(`^ +(-\\w, )?--${name}(?= |$)`, "gm"))?.length, 1, name);
  }
  assert.ok(help.split("\n").every((line) => line.length <= 100));
  for (const title of ["General:", "Static pods:", "Eviction:"]) assert.ok(help.includes(`\n${title}\n`));
});

test("a header value does not leak into a problem about it", async () => {
  const problems = await problemsOfLoad(
    load(["--config=/k"], { files: { "/k": `${HEADER}staticPodURLHeader: {Authorization: hunter2}\n` } }),
  );
  assert.equal(problems.length, 1);
  assert.ok(!JSON.stringify(problems).includes("hunter2"));
});
