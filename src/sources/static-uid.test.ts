import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodePod } from "../model/decode.ts";
import { GO_POD_TYPES } from "../model/go-pod-types.ts";
import { POD_SCHEMA } from "../model/pod-schema.ts";
import { parseYamlDocument } from "../model/yaml.ts";
import { readManifest } from "./manifest.ts";
import type { StaticUid } from "./static-uid.ts";
import { staticUid } from "./static-uid.ts";
import type { Origin } from "./update.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Made by Go: see scripts/generate-static-pod-uid.ts. */
const UIDS: { readonly [path: string]: { readonly file: string; readonly url: string; readonly list: string } } =
  JSON.parse(readFileSync(join(ROOT, "test/fixtures/static-pods/uids.json"), "utf8"));
const originOf = (source: Origin["source"], where: string): Origin => ({
  source,
  where,
  nodeName: "node-1",
  seen: new Date(0),
});

async function uidOf(text: string, origin: Origin, isListItem = false): Promise<StaticUid> {
  const { value } = await parseYamlDocument(text, origin.where);
  const decoded = decodePod(value);
  assert.equal(decoded.kind, "decoded", JSON.stringify(decoded));
  if (decoded.kind !== "decoded") throw new Error("unreachable");
  return staticUid(decoded.value, { value, isListItem }, origin);
}

for (const [path, { file, url, list }] of Object.entries(UIDS))
  test(`the UID of ${path} is the Go kubelet's`, async () => {
    const text = readFileSync(join(ROOT, path), "utf8");
    assert.deepEqual(await uidOf(text, originOf("file", path)), { uid: file, warnings: [] });
    assert.deepEqual(await uidOf(text, originOf("http", path)), { uid: url, warnings: [] });
    assert.deepEqual(await uidOf(text, originOf("http", path), true), { uid: list, warnings: [] });
  });

test("a pod of a list that the URL source reads has its UID of a list", async () => {
  const path = "test/fixtures/static-pods/kubeadm-etcd.yaml";
  const { value } = await parseYamlDocument(readFileSync(join(ROOT, path), "utf8"), path);
  const list = { apiVersion: "v1", kind: "PodList", items: [value] };
  const read = await readManifest(new TextEncoder().encode(JSON.stringify(list)), originOf("http", path));
  assert.equal(read.kind === "pods" && read.pods[0]?.metadata?.uid, UIDS[path]?.list);
});

test("where a manifest does not say what Go's memory holds, the UID is our own, stays, and a warning says so", async () => {
  const pod = (metadata: string, size = "1Gi", spec = "") =>
    `{apiVersion: v1, kind: Pod, metadata: {name: p, ${metadata}}, spec: {${spec} containers: [{name: c, image: i}], volumes: [{name: v, emptyDir: {sizeLimit: ${size}}}]}}`;
  const origin = originOf("file", "/m/p.yaml");
  for (const text of [
    pod('creationTimestamp: "2026-01-02T03:04:05Z"'),
    pod("managedFields: [{fieldsV1: {a: {}}}]"),
    pod("", "9007199254740993"),
    pod("", "1Gi", "terminationGracePeriodSeconds: 9223372036854775807,"),
  ]) {
    const { uid, warnings } = await uidOf(text, origin);
    assert.match(uid, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      warnings.map(({ field }) => field),
      ["metadata.uid"],
      text,
    );
    assert.equal((await uidOf(`${text} # again`, origin)).uid, uid);
    assert.notEqual((await uidOf(text, originOf("file", "/m/q.yaml"))).uid, uid);
    const read = await readManifest(new TextEncoder().encode(text), origin);
    assert.equal(read.kind === "pods" && read.warnings[0]?.problems[0]?.field, "metadata.uid");
  }
  assert.deepEqual((await uidOf(pod("creationTimestamp: null", '"9007199254740993"'), origin)).warnings, []);
});

test("every field that the decoder keeps is in the table of Go's types, and the other way round", () => {
  const known = (type: string): string[] => {
    const fields = GO_POD_TYPES[type];
    assert.ok(Array.isArray(fields), type);
    return fields.flatMap((field: string) => {
      const [, json = "", of = ""] = field.split(" ");
      return json === "-" ? known(of) : [json];
    });
  };
  const names = Object.keys(GO_POD_TYPES).filter((name) => /^(core|v1)\./.test(name));
  let compared = 0;
  for (const name of names) {
    const schema = POD_SCHEMA[name.slice(name.indexOf(".") + 1)];
    if (!schema) continue;
    compared++;
    assert.deepEqual(known(name).sort(), Object.keys(schema).sort(), name);
  }
  assert.ok(compared > 100, `${compared} types`);
});
