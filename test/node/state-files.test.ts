/** What kubelets of either make and of neighbouring releases leave on disk is read, or left as it is: test/fixtures/state. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSavedFacts } from "../../src/adapters/containerd/facts.ts";
import { readRecord } from "../../src/adapters/containerd/identity.ts";
import { readCniConfig } from "../../src/adapters/containerd/network.ts";
import { createClock, createFiles } from "../../src/adapters/linux/index.ts";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import { PullRecords, verification } from "../../src/images/index.ts";
import type { PullCredential } from "../../src/images/pull-credentials.ts";
import { decodeRecord } from "../../src/service/record.ts";
import { decodeTimes, STATE_FILE } from "../../src/shutdown/times.ts";
import { containerOf, shellPod, TestNode } from "../support/kubelet.ts";
import { Scratch } from "../support/scratch.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/state");
const RELEASES = readdirSync(FIXTURES).filter((name) => !name.endsWith(".md"));
const OURS = RELEASES.filter((name) => name.startsWith("kubelet-ts-"));
const GO = RELEASES.filter((name) => name.startsWith("go-"));
const IMAGE = { name: "registry.example/app:1", id: `sha256:${"1".repeat(64)}` };
const HALF = "registry.example/half:1";
const { signal } = new AbortController();

const secret = (credentialHash: string, name = "pull"): PullCredential => ({
  auth: { username: "", password: "" },
  secret: { namespace: "default", name, uid: "5f4c2d1e-0000-4000-8000-000000000001", credentialHash },
});

/** Every file below a folder, with its content. */
function contents(folder: string): Readonly<Record<string, string>> {
  const paths = globSync("**", { cwd: folder }).filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

/** The release's files in a folder of their own, and a kubelet's view of its image pulls. */
function opened(scratch: Scratch, release: string, log: Log = silentLog) {
  const root = scratch.path(release);
  cpSync(join(FIXTURES, release), root, { recursive: true });
  const present = [IMAGE.id, `sha256:${"2".repeat(64)}`].map((id) => ({
    id,
    repoTags: [],
    repoDigests: [],
    size: 1,
    uid: undefined,
    username: "",
    pinned: false,
  }));
  const records = new PullRecords(
    { rootDir: root, mustVerify: verification("NeverVerifyPreloadedImages", []) },
    { files: createFiles(), images: { listImages: async () => present }, clock: createClock(), log },
  );
  const mustPull = (image: string, id: string, ...shown: PullCredential[]) =>
    records.mustPull(image, id, async () => shown, signal);
  return { root, records, mustPull };
}

const recordFile = (root: string, id = IMAGE.id) =>
  join(root, "image_manager/pulled", `sha256-${createHash("sha256").update(id).digest("hex")}`);

test("there is a folder for each make and release", () => {
  assert.ok(OURS.includes("kubelet-ts-0.1"));
  assert.deepEqual(GO, ["go-1.36", "go-1.37"]);
});

for (const release of RELEASES) {
  test(`${release}: who may have which image is still known`, async () => {
    await using scratch = new Scratch("state");
    const { mustPull } = opened(scratch, release);
    assert.equal(await mustPull(IMAGE.name, IMAGE.id, secret("c0ffee")), false, "the Secret that pulled it");
    assert.equal(await mustPull(IMAGE.name, IMAGE.id), true, "no Secret");
    assert.equal(await mustPull("registry.example/public:1", IMAGE.id), false, "for everybody");
    assert.equal(await mustPull(HALF, `sha256:${"3".repeat(64)}`), true, "a pull of which the end was not seen");
  });

  test(`${release}: when the machine was last shut down is still known`, () => {
    const times = decodeTimes(readFileSync(join(FIXTURES, release, STATE_FILE), "utf8"));
    const [startedAt, endedAt] = ["2026-11-30T09:00:00.000Z", "2026-11-30T09:00:05.000Z"].map(Date.parse);
    const ours = OURS.includes(release);
    assert.deepEqual(times, ours ? { startedAt, endedAt } : { startedAt: undefined, endedAt: undefined });
  });

  test(`${release}: nothing in a record is lost when it is written again, whatever a later release adds`, async () => {
    await using scratch = new Scratch("state");
    const { root, records } = opened(scratch, release);
    const file = recordFile(root);
    const before = JSON.parse(readFileSync(file, "utf8"));
    const [app] = Object.keys(before.credentialMapping);
    const more = { kubernetesServiceAccounts: [{ uid: "u", namespace: "n", name: "sa" }], laterField: { a: [1] } };
    const written = {
      ...before,
      laterToo: "x",
      credentialMapping: {
        ...before.credentialMapping,
        [`${app}`]: { ...before.credentialMapping[`${app}`], ...more },
      },
    };
    writeFileSync(file, JSON.stringify(written));
    await records.begin(IMAGE.name);
    await records.succeeded(IMAGE.name, IMAGE.id, secret("beef", "another"));
    const after = JSON.parse(readFileSync(file, "utf8"));
    assert.equal(after.laterToo, "x");
    assert.equal(after.apiVersion, "kubelet.config.k8s.io/v1beta1");
    const { kubernetesSecrets, ...rest } = after.credentialMapping[`${app}`];
    assert.deepEqual(rest, more);
    assert.deepEqual(
      kubernetesSecrets.map(({ name }: { name: string }) => name),
      ["another", "pull"],
    );
    assert.deepEqual(after.credentialMapping["registry.example/public"], { nodePodsAccessible: true });
  });
}

test("a record of a version that is not known is named, asked of the registry, and left as it is", async () => {
  await using scratch = new Scratch("state");
  const told: string[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => void told.push(`${message}: ${fields?.err}`) };
  const { root, records, mustPull } = opened(scratch, "go-1.37", log);
  const file = recordFile(root);
  const later = readFileSync(file, "utf8").replace("kubelet.config.k8s.io/v1beta1", "kubelet.config.k8s.io/v1");
  writeFileSync(file, later);
  assert.equal(await mustPull(IMAGE.name, IMAGE.id, secret("c0ffee")), true);
  assert.match(
    told[0] ?? "",
    /apiVersion "kubelet\.config\.k8s\.io\/v1", and this kubelet knows .*v1beta1; it is left/,
  );
  await records.begin(IMAGE.name);
  await records.succeeded(IMAGE.name, IMAGE.id, secret("beef"));
  assert.equal(readFileSync(file, "utf8"), later);
});

for (const release of OURS) {
  const at = (path: string) => join(FIXTURES, release, path);
  test(`${release}: the private containerd, its network and what was found out are known again`, async () => {
    await using scratch = new Scratch("state");
    const pid = { pid: 4711, startTime: "123456", bootId: "5f4c2d1e-0000-4000-8000-00000000000b", configHash: "0f0f" };
    assert.deepEqual(readRecord(at("runtime/containerd.pid")), pid);
    assert.equal(readSavedFacts(at("runtime/facts.json"))?.facts.ociRuntime, "/usr/sbin/runc");
    assert.deepEqual(readCniConfig(readFileSync(at("runtime/cni/net.d/10-kubelet.conflist"), "utf8")), {
      bridge: "kl0a1b2c3d-0",
      podCidr: "10.88.0.0/16",
    });
    for (const [path, read] of [
      ["runtime/containerd.pid", readRecord],
      ["runtime/facts.json", readSavedFacts],
    ] as const) {
      const later = scratch.path("later.json");
      writeFileSync(later, JSON.stringify({ ...JSON.parse(readFileSync(at(path), "utf8")), laterField: 1 }));
      assert.ok(read(later) !== undefined, `${path} with a field of a later release`);
    }
    // Found out again, as everything in it can be.
    writeFileSync(scratch.path("facts.json"), JSON.stringify({ key: "k", facts: { version: "2" } }));
    assert.equal(readSavedFacts(scratch.path("facts.json")), undefined);
  });

  test(`${release}: what install did can be undone`, () => {
    const text = readFileSync(at("install.json"), "utf8");
    assert.equal(decodeRecord(text).done.length, 7);
    const later = { ...JSON.parse(text), laterField: 1 };
    assert.equal(decodeRecord(JSON.stringify(later)).done.length, 7);
    const unknown = JSON.stringify({ ...later, formatVersion: 2 });
    assert.throws(
      () => decodeRecord(unknown),
      /format 2, and this kubelet knows format 1; use the kubelet that installed it/,
    );
  });
}

test("state of the Go kubelet that this one does not use is as it was after pods came and went", async () => {
  await using node = await TestNode.start({ runtime: "embedded", started: false });
  const kept = contents(join(FIXTURES, "go-1.37"));
  const others = Object.entries(kept).filter(([path]) => !path.startsWith("image_manager/"));
  assert.ok(others.length >= 6);
  for (const [path, content] of Object.entries(kept)) {
    mkdirSync(join(node.root, path, ".."), { recursive: true });
    writeFileSync(join(node.root, path), content);
  }
  node.put(shellPod("web", "sleep 1000"));
  await node.start();
  const id = containerOf(await node.waitReady("web"))?.containerID;
  await node.stop();
  await node.start();
  assert.equal(containerOf(await node.waitReady("web"))?.containerID, id);
  node.remove("web");
  await node.waitGone("web");
  for (const [path, content] of others)
    if (path !== STATE_FILE) assert.equal(readFileSync(join(node.root, path), "utf8"), content, path);
});
