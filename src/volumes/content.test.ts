import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault, KubeletError } from "../base/fault.ts";
import type { Pod, PodSpec, Volume as VolumeSpec } from "../model/kubernetes.ts";
import { allContainersOf } from "../model/pod.ts";
import type { ReferencedObject, ReferenceKind } from "../model/referenced.ts";
import type { ReferencedObjects, TokenWish } from "../ports/referenced.ts";
import { Chance } from "../sim/chance.ts";
import { Disk } from "../sim/disk.ts";
import { Faults } from "../sim/faults.ts";
import { SimFiles } from "../sim/sim-files.ts";
import { simMounts } from "../sim/sim-mounts.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { World } from "../sim/world.ts";
import { onlyUserOf } from "./collect.ts";
import { createVolumes } from "./volumes.ts";

const OPTIONS = { rootDir: "/k", facts: { memoryBytes: 4096 }, noswap: false };
const VOLUMES = "/k/pods/u/volumes";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

const podOf = (volumes: readonly VolumeSpec[], spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: "p", namespace: "n", uid: "u", labels: { app: "web" } },
  spec: { containers: [{ name: "c" }], serviceAccountName: "default", volumes, ...spec },
});

/** A node with objects to refer to. Time passes by itself. */
function node() {
  const stop = new AbortController();
  const time = new VirtualTime();
  void (async () => {
    while (!stop.signal.aborted) await time.runUntil(time.now() + 5, () => {});
  })();
  const life = stop.signal;
  const disk = new Disk();
  const random = new Chance(1);
  const world = new World(time, random);
  const faults = new Faults();
  const known = new Map<string, ReferencedObject[ReferenceKind]>();
  const asked: string[] = [];
  const wishes: TokenWish[] = [];
  const forgotten: string[] = [];
  const state = { token: "token-1", find: async () => {} };
  const objects: ReferencedObjects = {
    find: async <K extends ReferenceKind>(kind: K, namespace: string, name: string) => {
      asked.push(`${kind} ${namespace}/${name}`);
      await state.find();
      return known.get(`${kind}/${name}`) as ReferencedObject[K] | undefined;
    },
    whyMissing: (kind, _, name) => `${kind.toLowerCase()} "${name}" not found`,
  };
  const tokens = {
    token: async (_: unknown, wish: TokenWish) => {
      wishes.push(wish);
      return state.token;
    },
    forget: (uid: string) => void forgotten.push(uid),
  };
  const files = new SimFiles(disk, world, faults, life);
  const mounts = simMounts(disk, world, faults, life);
  const owners: string[] = [];
  files.lchown = async (...given: unknown[]) => void owners.push(given.join(" ")) as never;
  const downward = () => ({ nodeName: "node", allocatable: {} });
  const deps = { files, mounts, clock: time.clock(life), random, objects, tokens, downward };
  return {
    disk,
    known,
    asked,
    wishes,
    forgotten,
    owners,
    state,
    life,
    volumes: createVolumes(OPTIONS, deps),
    read: (path: string) => {
      const { entry } = disk.walk(path, true);
      return entry?.kind === "file" ? `${Buffer.from(entry.content)} ${entry.mode.toString(8)}` : entry?.kind;
    },
    [Symbol.dispose]: () => stop.abort(),
  };
}

/** What every pod of a cluster has. */
const API_ACCESS: VolumeSpec = {
  name: "kube-api-access-x",
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
    ],
  },
};

test("a pod's access to the API: token, CA and namespace in one volume in memory", async () => {
  using at = node();
  at.known.set("ConfigMap/kube-root-ca.crt", { data: { "ca.crt": "PEM", other: "x" } });
  const paths = await at.volumes.setUp(podOf([API_ACCESS]), at.life);
  const path = `${VOLUMES}/kubernetes.io~projected/kube-api-access-x`;
  assert.equal(paths.get("kube-api-access-x"), path);
  assert.equal(at.read(`${path}/token`), "token-1 644");
  assert.equal(at.read(`${path}/ca.crt`), "PEM 644");
  assert.equal(at.read(`${path}/namespace`), "n 644");
  assert.equal(at.read(`${path}/other`), undefined);
  assert.deepEqual(at.wishes, [{ serviceAccount: "default", audience: undefined, expirationSeconds: 3607 }]);
  assert.deepEqual([...at.disk.mounts.keys()], [path]);
  assert.equal(at.read("/k/pods/u/plugins/kubernetes.io~empty-dir/wrapped_kube-api-access-x/ready"), " 644");
});

const KINDS: readonly [volume: VolumeSpec, directory: string, medium: "disk" | "memory"][] = [
  [{ name: "v", configMap: { name: "c" } }, "configmap", "disk"],
  [{ name: "v", secret: { secretName: "s", defaultMode: 0o400 } }, "secret", "memory"],
  [
    { name: "v", downwardAPI: { items: [{ path: "a", fieldRef: { fieldPath: "metadata.labels['app']" } }] } },
    "downward-api",
    "memory",
  ],
  [{ name: "v", projected: { sources: [{ secret: { name: "s" } }] } }, "projected", "memory"],
];
for (const [volume, directory, medium] of KINDS) {
  test(`a ${directory} volume lies in upstream's place, ${medium === "disk" ? "on disk" : "in memory"}`, async () => {
    using at = node();
    at.known.set("ConfigMap/c", { data: { a: "web" } });
    at.known.set("Secret/s", { data: { a: base64("web") } });
    await at.volumes.setUp(podOf([volume]), at.life);
    const path = `${VOLUMES}/kubernetes.io~${directory}/v`;
    assert.equal(at.read(`${path}/a`), directory === "secret" ? "web 400" : "web 644");
    assert.equal(at.disk.mounts.has(path), medium === "memory");
    await at.volumes.tearDown("u", at.life);
    assert.equal(at.read(VOLUMES), undefined);
    assert.equal(at.disk.mounts.size, 0);
    assert.deepEqual(at.forgotten, ["u"]);
  });
}

test("an absent object is named in upstream's words, an optional one counts as empty", async () => {
  using at = node();
  const required = podOf([{ name: "v", configMap: { name: "c" } }]);
  await assert.rejects(
    at.volumes.setUp(required, at.life),
    (error) =>
      isFault(error, "volume-not-mounted") &&
      error.message === 'MountVolume.SetUp failed for volume "v" : configmap "c" not found',
  );
  assert.equal(at.read(`${VOLUMES}/kubernetes.io~configmap`), undefined, "nothing is made for it");
  await at.volumes.setUp(podOf([{ name: "v", configMap: { name: "c", optional: true } }]), at.life);
  assert.equal(at.read(`${VOLUMES}/kubernetes.io~configmap/v`), "directory");
});

test("a projected volume tells of everything that it misses", async () => {
  using at = node();
  const sources = [{ configMap: { name: "c" } }, { secret: { name: "s" } }];
  await assert.rejects(at.volumes.setUp(podOf([{ name: "v", projected: { sources } }]), at.life), {
    message: 'MountVolume.SetUp failed for volume "v" : [configmap "c" not found, secret "s" not found]',
  });
});

test("refresh() shows what changed, and does nothing before setUp and after tearDown", async () => {
  using at = node();
  const pod = podOf([{ name: "v", configMap: { name: "c" } }]);
  const file = `${VOLUMES}/kubernetes.io~configmap/v/a`;
  at.known.set("ConfigMap/c", { data: { a: "1" } });
  await at.volumes.refresh(pod, at.life);
  assert.deepEqual(at.asked, []);
  await at.volumes.setUp(pod, at.life);
  at.known.set("ConfigMap/c", { data: { a: "2" } });
  await at.volumes.refresh(pod, at.life);
  assert.equal(at.read(file), "2 644");
  await at.volumes.tearDown("u", at.life);
  await at.volumes.refresh(pod, at.life);
  assert.equal(at.read(file), undefined);
});

test("refresh() keeps the files when what they came from is gone", async () => {
  using at = node();
  const pod = podOf([{ name: "v", secret: { secretName: "s" } }]);
  at.known.set("Secret/s", { data: { a: base64("1") } });
  await at.volumes.setUp(pod, at.life);
  at.known.clear();
  await assert.rejects(at.volumes.refresh(pod, at.life), /secret "s" not found/);
  assert.equal(at.read(`${VOLUMES}/kubernetes.io~secret/v/a`), "1 644");
});

test("tearDown() does not wait for a refresh that waits for the API server", async () => {
  using at = node();
  const pod = podOf([{ name: "v", configMap: { name: "c" } }]);
  at.known.set("ConfigMap/c", { data: { a: "1" } });
  await at.volumes.setUp(pod, at.life);
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  at.state.find = () => {
    begun.resolve();
    return held.promise;
  };
  const refreshing = at.volumes.refresh(pod, at.life);
  await begun.promise;
  const gone = at.volumes.tearDown("u", at.life);
  held.reject(new KubeletError("aborted", { code: "waiting", reason: "" }));
  await refreshing;
  await gone;
  assert.equal(at.read(VOLUMES), undefined);
});

test("a token belongs to the only user of the pod, or to its fsGroup", async () => {
  using at = node();
  at.known.set("ConfigMap/kube-root-ca.crt", { data: { "ca.crt": "PEM" } });
  const token = `${VOLUMES}/kubernetes.io~projected/kube-api-access-x/token`;
  await at.volumes.setUp(podOf([API_ACCESS], { securityContext: { runAsUser: 1000 } }), at.life);
  assert.equal(at.read(token), "token-1 600");
  assert.ok(at.owners.some((line) => /\/token 1000 0$/.test(line)));
  await at.volumes.tearDown("u", at.life);
  await at.volumes.setUp(podOf([API_ACCESS], { securityContext: { fsGroup: 7 } }), at.life);
  assert.equal(at.read(token), "token-1 640");
  assert.ok(at.owners.some((line) => /\/token 0 7$/.test(line)));
});

const USERS: readonly [what: string, spec: Partial<PodSpec>, user: number | undefined][] = [
  ["nobody said", {}, undefined],
  ["the pod's", { securityContext: { runAsUser: 1 } }, 1],
  ["root, too", { securityContext: { runAsUser: 0 } }, 0],
  ["a container's own", { containers: [{ name: "c", securityContext: { runAsUser: 2 } }] }, 2],
  [
    "none where two differ",
    { securityContext: { runAsUser: 1 }, initContainers: [{ name: "i", securityContext: { runAsUser: 2 } }] },
    undefined,
  ],
  [
    "none where one doesn't say",
    { containers: [{ name: "c", securityContext: { runAsUser: 2 } }, { name: "d" }] },
    undefined,
  ],
];
for (const [what, spec, user] of USERS) {
  test(`onlyUserOf() is ${what}`, () => {
    const pod = podOf([], spec);
    assert.ok(allContainersOf(pod).length > 0);
    assert.equal(onlyUserOf(pod), user);
  });
}

test("directories for mounts inside a volume are made in it", async () => {
  using at = node();
  at.known.set("ConfigMap/c", { data: { a: "1" } });
  const volumeMounts = [
    { name: "v", mountPath: "/etc/v" },
    { name: "e", mountPath: "/etc/v/inner" },
  ];
  const volumes = [{ name: "v", configMap: { name: "c" } }, { name: "e" }];
  await at.volumes.setUp(podOf(volumes, { containers: [{ name: "c", volumeMounts }] }), at.life);
  assert.equal(at.read(`${VOLUMES}/kubernetes.io~configmap/v/inner`), "directory");
});
