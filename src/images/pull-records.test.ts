import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { orAborted } from "../base/abort.ts";
import { silentLog } from "../base/log.ts";
import type { ImageInfo } from "../model/runtime.ts";
import { Chance } from "../sim/chance.ts";
import { Disk } from "../sim/disk.ts";
import { Faults } from "../sim/faults.ts";
import { SimFiles } from "../sim/sim-files.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { World } from "../sim/world.ts";
import type { PullCredential } from "./pull-credentials.ts";
import { PullRecords, repositoryOf } from "./pull-records.ts";
import { type VerificationPolicy, verification } from "./verification.ts";

const IMAGE = "r.io/app:1";
const ID = `sha256:${"1".repeat(64)}`;
const { signal } = new AbortController();

const credential = (name: string, credentialHash = "h1", uid = "u"): PullCredential => ({
  auth: { username: "", password: "" },
  secret: { namespace: "n", name, uid, credentialHash },
});
const info = (id: string, repoTags: readonly string[]): ImageInfo => ({
  id,
  repoTags,
  repoDigests: [],
  size: 1,
  uid: undefined,
  username: "",
  pinned: false,
});

/** A disk, and kubelets that come and go on it. */
function node(policy: VerificationPolicy = "NeverVerifyPreloadedImages", allowlist: readonly string[] = []) {
  const stop = new AbortController();
  const time = new VirtualTime();
  void (async () => {
    while (!stop.signal.aborted) await time.runUntil(time.now() + 5, () => {});
  })();
  const disk = new Disk();
  const faults = new Faults();
  const present: ImageInfo[] = [];
  let listed = async (images: readonly ImageInfo[]) => images;
  /** From now on the runtime's list comes when the work is done, which began after it was made. */
  const whileListing = (work: () => Promise<unknown>) => {
    listed = async (images) => {
      await work();
      return images;
    };
  };
  const start = () => {
    const files = new SimFiles(disk, new World(time, new Chance(1)), faults, stop.signal);
    const images = {
      listImages: (life: AbortSignal) => orAborted(listed(present.slice()), life),
    };
    const deps = { files, images, clock: time.clock(stop.signal), log: silentLog };
    return new PullRecords({ rootDir: "/k", mustVerify: verification(policy, allowlist) }, deps);
  };
  const names = () => [...disk.paths()].filter((path) => path.includes("sha256-"));
  const mustPull = (records: PullRecords, shown: readonly PullCredential[] = [], image = IMAGE, id = ID) =>
    records.mustPull(image, id, async () => shown, signal);
  return { disk, faults, present, whileListing, start, names, mustPull, [Symbol.dispose]: () => stop.abort() };
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const RECORD = `/k/image_manager/pulled/sha256-${hash(ID)}`;
const INTENT = `/k/image_manager/pulling/sha256-${hash(IMAGE)}`;

async function pulled(records: PullRecords, used: PullCredential | undefined): Promise<void> {
  await records.begin(IMAGE);
  await records.succeeded(IMAGE, ID, used);
}

test("PullRecords: an image that this node did not pull is for everybody", async () => {
  using at = node();
  assert.equal(await at.mustPull(at.start()), false);
});

test("PullRecords: an image pulled with a Secret is for who shows it, or its credential, also after a restart", async () => {
  using at = node();
  await pulled(at.start(), credential("s"));
  assert.deepEqual(at.names(), [RECORD]);
  at.present.push(info(ID, [IMAGE]));
  const records = at.start();
  assert.equal(await at.mustPull(records), true, "nothing is shown");
  assert.equal(await at.mustPull(records, [{ auth: { username: "node", password: "" } }]), true);
  assert.equal(await at.mustPull(records, [credential("other", "h2")]), true);
  assert.equal(await at.mustPull(records, [credential("s")]), false);
  assert.equal(await at.mustPull(records, [credential("copy", "h1", "u2")]), false, "the same credential");
  assert.equal(await at.mustPull(records, [credential("s", "h3")]), false, "the Secret was rotated");
  assert.equal(await at.mustPull(records, [credential("x", "h3")]), false, "what fits is learned");
  assert.equal(await at.mustPull(records, [credential("s")], "r.io/other:1"), true, "another name of the image");
});

test("PullRecords: an image pulled with nothing to show is for everybody from then on", async () => {
  using at = node();
  at.present.push(info(ID, [IMAGE]));
  const records = at.start();
  await pulled(records, credential("s"));
  await pulled(records, undefined);
  assert.equal(await at.mustPull(records), false);
  await pulled(records, credential("s"));
  assert.equal(await at.mustPull(records), false);
});

test("PullRecords: writes what upstream writes", async () => {
  using at = node();
  await pulled(at.start(), credential("s"));
  const { entry } = at.disk.walk(RECORD, false);
  assert.ok(entry?.kind === "file");
  const { lastUpdatedTime, ...record } = JSON.parse(Buffer.from(entry.content).toString());
  assert.match(lastUpdatedTime, /^2026-01-01T00:00:\d\dZ$/);
  assert.deepEqual(record, {
    kind: "ImagePulledRecord",
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    imageRef: ID,
    credentialMapping: {
      "r.io/app": { kubernetesSecrets: [{ namespace: "n", name: "s", uid: "u", credentialHash: "h1" }] },
    },
  });
});

test("PullRecords: a pull under way counts as ours, until it failed", async () => {
  using at = node();
  const records = at.start();
  await records.begin(IMAGE);
  await records.begin(IMAGE);
  await records.failed(IMAGE);
  assert.deepEqual(at.names(), [INTENT]);
  assert.equal(await at.mustPull(records), true);
  await records.failed(IMAGE);
  assert.deepEqual(at.names(), []);
  assert.equal(await at.mustPull(records), false);
});

test("PullRecords: after a pull whose end the kubelet did not see, everybody has to show credentials", async () => {
  using at = node();
  await at.start().begin(IMAGE);
  at.present.push(info(ID, [IMAGE]));
  const records = at.start();
  assert.equal(await at.mustPull(records, [credential("s")]), true);
  assert.deepEqual(at.names(), [RECORD]);
});

test("PullRecords: forgets images that are gone when it starts", async () => {
  using at = node();
  await pulled(at.start(), credential("s"));
  await at.mustPull(at.start());
  assert.deepEqual(at.names(), []);
});

test("PullRecords: what a pull writes down while a start settles earlier ones stays", async () => {
  using at = node();
  await pulled(at.start(), credential("s"));
  const records = at.start();
  const other = `sha256:${"2".repeat(64)}`;
  at.whileListing(() => pulled(records, credential("s")));
  await at.mustPull(records, [], "r.io/other", other);
  assert.deepEqual(at.names(), [RECORD], "the image was gone by the list, and has come back since");

  await at.start().begin(IMAGE);
  at.present.push(info(ID, [IMAGE]));
  const next = at.start();
  at.whileListing(() => next.begin(IMAGE));
  await at.mustPull(next, [], "r.io/other", other);
  assert.ok(at.names().includes(INTENT), "the pull goes on");
});

test("PullRecords: a record that can't be read lets nobody pass", async () => {
  using at = node();
  await pulled(at.start(), undefined);
  at.present.push(info(ID, [IMAGE]));
  for (const content of ["{", "[]", '{"kind":"ImagePulledRecord"}']) {
    at.disk.put(at.disk.walk(RECORD, false), at.disk.file(0o600, Buffer.from(content)));
    assert.equal(await at.mustPull(at.start(), [credential("s")]), true, content);
  }
});

test("PullRecords: without a disk to write to no pull begins", async () => {
  using at = node();
  at.faults.diskFull = true;
  const records = at.start();
  await assert.rejects(records.begin(IMAGE), /ENOSPC/);
  at.faults.diskFull = false;
  assert.equal(await at.mustPull(records), false);
});

const POLICIES: readonly [policy: VerificationPolicy, allowlist: readonly string[], foreign: boolean, ours: boolean][] =
  [
    ["NeverVerify", [], false, false],
    ["NeverVerifyPreloadedImages", [], false, true],
    ["AlwaysVerify", [], true, true],
    ["NeverVerifyAllowlistedImages", [], true, true],
    ["NeverVerifyAllowlistedImages", ["r.io/app"], false, false],
    ["NeverVerifyAllowlistedImages", ["r.io/*"], false, false],
    ["NeverVerifyAllowlistedImages", ["r.io/ap"], true, true],
  ];
for (const [policy, allowlist, foreign, ours] of POLICIES) {
  test(`verification(): ${policy} ${allowlist}`, () => {
    const mustVerify = verification(policy, allowlist);
    assert.deepEqual([mustVerify(IMAGE, false), mustVerify(IMAGE, true)], [foreign, ours]);
  });
}

test("repositoryOf() takes tag and digest off, and nothing else", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  for (const [image, repository] of [
    ["app", "app"],
    ["app:1", "app"],
    ["localhost:5000/app", "localhost:5000/app"],
    [`localhost:5000/app:1@${digest}`, "localhost:5000/app"],
    [`app@${digest}`, "app"],
    ["not an image", "not an image"],
  ] as const)
    assert.equal(repositoryOf(image), repository);
});

test("PullRecords: of two pulls of an image that end at once, neither forgets with whose Secret the other was", async () => {
  using at = node();
  const records = at.start();
  await Promise.all([records.begin(IMAGE), records.begin(IMAGE)]);
  const [one, other] = [credential("s"), credential("t", "h2")];
  at.present.push(info(ID, [IMAGE]));
  await Promise.all([records.succeeded(IMAGE, ID, one), records.succeeded(IMAGE, ID, other)]);
  assert.deepEqual([await at.mustPull(records, [one]), await at.mustPull(records, [other])], [false, false]);
});

test("PullRecords: a pod that ends while earlier pulls are settled does not end the wait of the others", async () => {
  using at = node();
  await pulled(at.start(), credential("s"));
  at.present.push(info(ID, [IMAGE]));
  const answer = Promise.withResolvers<void>();
  at.whileListing(() => answer.promise);
  const records = at.start();
  const first = new AbortController();
  const shown = async () => [credential("s")];
  const ended = records.mustPull(IMAGE, ID, shown, first.signal);
  const other = records.mustPull(IMAGE, ID, shown, signal);
  first.abort(new Error("the first pod goes"));
  await assert.rejects(ended, /the first pod goes/);
  answer.resolve();
  assert.equal(await other, false);
});
