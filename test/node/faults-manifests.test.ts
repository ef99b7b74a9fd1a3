/** Manifests that are wrong, broken or hostile: each is shown with its field, and no other pod notices. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../scripts/lib/wait.ts";
import { containerIds, containerOf, IMAGE, isReady, STAY, shellPod, TestNode } from "../support/kubelet.ts";

const MiB = 1024 * 1024;
const yamlPod = (name: string, more = "", top = "") =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\n${top}spec:\n  terminationGracePeriodSeconds: 2\n  containers:\n  - {name: main, image: "${IMAGE}", command: [sleep, "1000"]${more}}\n`;
const json = (...pod: Parameters<typeof shellPod>) => JSON.stringify(shellPod(...pod));
const BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghij"].map((c, i) => `${c}: &${c} [${`*${"abcdefghi"[i]},`.repeat(9)}]\n`).join("")}`;
const volume = (name: string) => ({ volumes: [{ name, emptyDir: {} }] });
const mount = (name: string, subPath?: string) => ({
  volumeMounts: [{ name, mountPath: "/v", ...(subPath === undefined ? {} : { subPath }) }],
});

/** Files that are not used, and what is said of them. */
const REFUSED: readonly (readonly [what: string, file: string, content: string | Uint8Array, says: RegExp])[] = [
  ["binary garbage", "garbage.yaml", randomBytes(3000), /is not UTF-8 text|control character/],
  ["an alias bomb", "bomb.yaml", BOMB, /repeats itself through aliases \(\*name\) without bound: write the parts out/],
  ["a YAML key given twice", "twice.yaml", yamlPod("x", "", "metadata: {name: y}\n"), /4:1: gives "metadata" twice/],
  ["a JSON key given twice", "twice.json", json("x", "").replace("{", '{"kind":"Pod",'), /gives "kind" twice/],
  ["deep YAML", "deep.yaml", `kind: ${"[".repeat(20_000)}`, /: is nested too deeply/],
  ["deep JSON", "deep.json", `{"kind":${"[".repeat(200_000)}${"]".repeat(200_000)}}`, /is nested too deeply/],
  ["more than 10 MiB", "huge.json", json("huge", STAY) + " ".repeat(10 * MiB), /more than 10485760 bytes: split it/],
  ["half a file", "half.json", json("half", STAY).slice(0, 90), /half\.json is not used/],
  ["no pod", "kind.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n", /kind: .*Pod/],
  ["a bad name", "name.json", json("Bad_Name", STAY), /metadata\.name: must be at most 253 .* is "Bad_Name-node"/],
  ["a hostile UID", "uid.json", json("x", STAY, {}, {}, { uid: "../../../tmp/evil" }), /metadata\.uid: must be/],
  [
    "a hostile container name",
    "container.json",
    json("x", STAY, { name: "../x" }),
    /containers\[0\]\.name: .*"\.\.\/x"/,
  ],
  ["a hostile volume name", "volume.json", json("x", STAY, mount("../v"), volume("../v")), /volumes\[0\]\.name: /],
  [
    "a hostile subPath",
    "sub.json",
    json("x", STAY, mount("v", "../../x"), volume("v")),
    /subPath: must not contain "\.\."/,
  ],
  [
    "a secret",
    "secret.json",
    json("x", STAY, {}, { volumes: [{ name: "v", secret: { secretName: "s" } }] }),
    /secret: must/,
  ],
  [
    "the name of another pod",
    "z-calm.json",
    json("calm", "sleep 5"),
    /names pod default\/calm-node .* has already: rename/,
  ],
];

describe("bad manifests", { timeout: 540_000 }, () => {
  let node: TestNode;
  let calm: Readonly<Record<string, string>>;

  before(async () => {
    node = await TestNode.start({ runtime: "embedded" });
    node.put(shellPod("calm", STAY));
    calm = containerIds(await node.waitReady("calm"));
  });
  after(async () => await node?.[Symbol.asyncDispose]());

  /** Nothing was lost. */
  async function calmRuns(): Promise<void> {
    const pod = await node.pod("calm");
    assert.ok(pod && isReady(pod));
    assert.deepEqual(containerIds(pod), calm);
    assert.equal(containerOf(pod)?.restartCount, 0);
  }

  const rejected = async (file: string) =>
    (await node.rejectedManifests()).find(({ source }) => source === join(node.manifests, file));
  const textOf = ({ problems }: NonNullable<Awaited<ReturnType<typeof rejected>>>) =>
    problems.map(({ field, message }) => `${field}: ${message}`).join("\n");
  const warnings = async (name: string) =>
    (await node.events())
      .filter(({ type, about }) => type === "Warning" && "name" in about && about.name === `${name}-node`)
      .map(({ reason, message }) => `${reason}: ${message}`)
      .join("\n");

  test("all of them at once: each is named at the pods endpoint, as an event, in the log and by get pods", async () => {
    // Each of them whole: half of one that stays so for a moment is refused for another reason, or not at all.
    for (const [, file, content] of REFUSED) node.put(file, content);
    await waitFor("all to be refused", async () => (await node.rejectedManifests()).length === REFUSED.length, {
      timeout: 60_000,
      explain: async () => JSON.stringify((await node.rejectedManifests()).map(({ source }) => source)),
    });
    const events = (await node.events()).filter(({ reason }) => reason === "FailedValidation");
    const shown = await node.verb("get", "pods");
    assert.match(shown.stdout, /calm-node +1\/1 +Running/);
    const log = node.log();
    for (const [what, file, , says] of REFUSED) {
      const one = await rejected(file);
      assert.ok(one, what);
      assert.match(`${file} is not used: ${textOf(one)}`, says, what);
      const event = events.find(({ about }) => "source" in about && about.source.endsWith(`/${file}`));
      assert.match(event?.message ?? "", says, `event: ${what}`);
      assert.match(shown.stderr, new RegExp(`Manifest \\S+/${file}: not used`), what);
      assert.match(log, new RegExp(`reason="FailedValidation" message="Manifest \\S+/${file} is not used`), what);
    }
    assert.deepEqual(
      (await node.pods()).map(({ metadata }) => metadata?.name),
      ["calm-node"],
    );
    assert.equal(existsSync("/tmp/evil"), false);
    await calmRuns();
  });

  test("a bad file is told of once, not at each change of the folder", async () => {
    const before = node.log().match(/FailedValidation/g)?.length;
    node.put(shellPod("other", STAY));
    await node.waitReady("other");
    assert.equal(node.log().match(/FailedValidation/g)?.length, before);
    node.remove("other");
    for (const [, file] of REFUSED) node.remove(file);
    await waitFor("no complaint to be left", async () => (await node.rejectedManifests()).length === 0);
    await node.waitGone("other");
    await calmRuns();
  });

  test("a manifest of 10 MB runs", async () => {
    const text = json("big", STAY, {}, {}, { annotations: { big: "x".repeat(200_000) } });
    node.put("big.json", text + " ".repeat(10 * MiB - text.length - 1));
    await node.waitReady("big");
    node.remove("big");
    await calmRuns();
  });

  test("an unknown field is named, with the one that may be meant, and the pod runs", async () => {
    node.put("unknown.yaml", yamlPod("unknown", ", comand: [x]").replace("spec:\n", "spec:\n  restartPolcy: Never\n"));
    await node.waitReady("unknown");
    const said = await warnings("unknown");
    assert.match(said, /UnknownField: \S+unknown\.yaml: spec\.restartPolcy: is not a field .*"restartPolicy"\?/);
    assert.match(said, /UnknownField: \S+unknown\.yaml: spec\.containers\[0\]\.comand: is not a field .*"command"\?/);
    assert.match(node.log(), /reason="UnknownField"/);
    node.remove("unknown.yaml");
  });

  test("fields without effect are named, and those that would weaken a pod make it fail", async () => {
    const preStop = { exec: { command: ["true"] } };
    const limits = { "ephemeral-storage": "1Gi" };
    node.put(shellPod("weak", STAY, { lifecycle: { preStop }, resources: { limits } }));
    node.put(shellPod("users", STAY, {}, { hostUsers: false }));
    await node.waitReady("weak");
    const said = await warnings("weak");
    assert.match(
      said,
      /FieldHasNoEffect: spec\.containers\[0\]\.lifecycle\.preStop has no effect yet: the stop signal/,
    );
    assert.match(said, /FieldHasNoEffect: spec\.containers\[0\]\.resources\.limits\[ephemeral-storage\] has no/);
    const { status } = await node.waitPhase("users", "Failed");
    assert.equal(status?.reason, "PodFeatureUnsupported");
    assert.match(status?.message ?? "", /spec\.hostUsers: user namespaces are not supported yet/);
    assert.match(await warnings("users"), /PodFeatureUnsupported: .*spec\.hostUsers/);
    assert.match((await node.verb("get", "pods")).stdout, /users-node +0\/1 +PodFeatureUnsupported/);
    node.remove("weak");
    node.remove("users");
    await node.waitGone("users");
  });

  test("a manifest that turns bad keeps its pod, and says so", async () => {
    node.put("turns.yaml", yamlPod("turns"));
    const ids = containerIds(await node.waitReady("turns"));
    node.put("turns.yaml", yamlPod("turns", ", ports: [{containerPort: 99999}]"));
    const bad = await waitFor("the complaint", async () => await rejected("turns.yaml"));
    assert.match(textOf(bad), /spec\.containers\[0\]\.ports\[0\]\.containerPort: .*99999/);
    assert.match((await node.verb("get", "pods")).stderr, /turns\.yaml: not used, the pod of its last good version/);
    assert.match(
      (await node.verb("events")).stdout,
      /turns\.yaml is not used \(the pod of its last good version keeps/,
    );
    assert.deepEqual(containerIds(await node.waitReady("turns")), ids);
    node.put("turns.yaml", yamlPod("turns", ", env: [{name: A, value: b}]"));
    await node.waitFor("turns", (pod) => isReady(pod) && containerIds(pod).main !== ids.main);
    assert.equal(await rejected("turns.yaml"), undefined);
    node.remove("turns.yaml");
  });

  test("a file that is written slowly, in place, is taken when it is whole", async () => {
    const path = join(node.manifests, "slow.yaml");
    const lines = yamlPod("slow").split(/(?<=\n)/);
    writeFileSync(path, "");
    for (const line of lines) {
      appendFileSync(path, line);
      await sleep(60);
    }
    await node.waitReady("slow");
    assert.equal(containerOf(await node.pod("slow"))?.restartCount, 0);
    node.remove("slow.yaml");
  });

  test("a symbolic link in a volume leads no container out of it", async () => {
    const outside = node.scratch.path("outside");
    mkdirSync(outside);
    const volumes = [{ name: "v", hostPath: { path: node.scratch.path("volume"), type: "DirectoryOrCreate" } }];
    mkdirSync(node.scratch.path("volume"));
    symlinkSync(outside, node.scratch.path("volume", "link"));
    node.put(shellPod("climber", `touch /v/was-here; ${STAY}`, mount("v", "link/deeper"), { volumes }));
    const pod = await node.waitFor(
      "climber",
      (one) => containerOf(one)?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    assert.match(containerOf(pod)?.state?.waiting?.message ?? "", /subPath|sub path|link/);
    assert.deepEqual(readdirSync(outside), []);
    node.remove("climber");
    await node.waitGone("climber");
    await calmRuns();
  });
});
