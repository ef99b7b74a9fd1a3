import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { isFault, KubeletError } from "../base/fault.ts";
import type { Pod, PodSpec, Volume as VolumeSpec } from "../model/kubernetes.ts";
import type { FileStat, Files } from "../ports/files.ts";
import type { Mount, Mounts } from "../ports/mounts.ts";
import { Chance } from "../sim/chance.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { decodeVolume, unsupportedVolumes } from "./decode.ts";
import { tmpfsOptions } from "./pod-directory.ts";
import { createVolumes } from "./volumes.ts";

const { signal } = new AbortController();
const OPTIONS = { rootDir: "/root", facts: { memoryBytes: 4096, allocatableMemoryBytes: 2048 }, noswap: true };
const DIR = "/root/pods/u/volumes/kubernetes.io~empty-dir";

const podOf = (volumes: readonly VolumeSpec[], spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { uid: "u" },
  spec: { containers: [{ name: "c" }], volumes, ...spec },
});

/** What these volumes do not use. */
const NOTHING_ELSE = {
  clock: new VirtualTime().clock(signal),
  random: new Chance(1),
  objects: { find: async () => undefined, whyMissing: () => "none" },
  tokens: { token: async () => "", forget: () => {} },
  downward: () => ({ nodeName: "n", allocatable: {} }),
};

/** Just enough of a disk, and a list of what was done to it. */
function node(...there: [path: string, kind: FileStat["kind"]][]) {
  const stats = new Map(there);
  const done: string[] = [];
  const mounted: Mount[] = [];
  const stat = async (path: string): Promise<FileStat | undefined> => {
    const kind = stats.get(path);
    return kind && { kind, mode: 0o777, uid: 7, gid: 0, size: 0, modifiedAt: 0, inode: 1 };
  };
  const note = (verb: string) => async (path: string, detail?: unknown) =>
    void done.push(`${verb} ${path} ${detail ?? ""}`.trim());
  const files = {
    stat,
    statFollow: stat,
    list: async (path: string) =>
      [...stats.keys()].filter((each) => each.startsWith(`${path}/`)).map((each) => each.slice(path.length + 1)),
    makeDirectory: async (path: string, mode: number) => {
      done.push(`mkdir ${path} ${mode.toString(8)}`);
      stats.set(path, "directory");
    },
    chmod: async (path: string, mode: number) => void done.push(`chmod ${path} ${mode.toString(8)}`),
    lchown: async (path: string, uid: number, gid: number) => void done.push(`lchown ${path} ${uid}:${gid}`),
    writeInPlace: async (path: string) => {
      done.push(`write ${path}`);
      stats.set(path, "file");
    },
    removeTree: note("rmtree"),
  } as unknown as Files;
  const mounts = {
    list: async () => mounted,
    mountTmpfs: async (target: string, options: readonly string[]) => {
      done.push(`tmpfs ${target} ${options}`);
      mounted.push({ source: "tmpfs", target, type: "tmpfs", options: "" });
    },
    unmount: note("umount"),
  } as unknown as Mounts;
  return { stats, done, mounted, volumes: createVolumes(OPTIONS, { files, mounts, ...NOTHING_ELSE }) };
}

test("setUp() makes an emptyDir where upstream does, opens it to all, marks it ready, and then leaves it alone", async () => {
  const { done, volumes } = node();
  const pod = podOf([{ name: "data", emptyDir: {} }]);
  assert.deepEqual([...(await volumes.setUp(pod, signal))], [["data", `${DIR}/data`]]);
  const steps = [
    `mkdir ${DIR}/data 750`,
    `chmod ${DIR}/data 777`,
    "mkdir /root/pods/u/plugins/kubernetes.io~empty-dir/data 750",
    "write /root/pods/u/plugins/kubernetes.io~empty-dir/data/ready",
  ];
  assert.deepEqual(done, steps);
  await volumes.setUp(pod, signal);
  assert.equal(done.length, steps.length);
});

test("setUp() repairs an emptyDir that is marked ready and gone", async () => {
  const { done, stats, volumes } = node();
  const pod = podOf([{ name: "data" }]);
  await volumes.setUp(pod, signal);
  stats.delete(`${DIR}/data`);
  await volumes.setUp(pod, signal);
  assert.equal(done.filter((step) => step === `mkdir ${DIR}/data 750`).length, 2);
});

test("setUp() mounts a tmpfs for memory, again after a reboot", async () => {
  const { done, mounted, volumes } = node();
  const pod = podOf([{ name: "mem", emptyDir: { medium: "Memory", sizeLimit: "1Ki" } }]);
  await volumes.setUp(pod, signal);
  await volumes.setUp(pod, signal);
  const mount = `tmpfs ${DIR}/mem size=1024,noswap`;
  assert.equal(done.filter((step) => step === mount).length, 1);
  mounted.length = 0;
  await volumes.setUp(pod, signal);
  assert.equal(done.filter((step) => step === mount).length, 2);
});

test("setUp() gives an emptyDir to the fsGroup, links without their mode, the directory last", async () => {
  const { done, volumes } = node([`${DIR}/data/f`, "file"], [`${DIR}/data/link`, "symlink"]);
  await volumes.setUp(podOf([{ name: "data" }], { securityContext: { fsGroup: 99 } }), signal);
  assert.deepEqual(done.slice(2, -2), [
    `lchown ${DIR}/data/f 7:99`,
    `chmod ${DIR}/data/f 777`,
    `lchown ${DIR}/data/link 7:99`,
    `lchown ${DIR}/data 7:99`,
    `chmod ${DIR}/data 2777`,
  ]);
});

const SIZES: readonly { name: string; sizeLimit?: string; limits?: { memory: string }; want: string }[] = [
  { name: "the node's memory for pods", want: "size=2048" },
  { name: "the volume's own limit", sizeLimit: "100", want: "size=100" },
  { name: "the pod's limit", limits: { memory: "500" }, sizeLimit: "600", want: "size=500" },
  { name: "a limit of 0 as none", sizeLimit: "0", want: "size=2048" },
];
for (const { name, sizeLimit, limits, want } of SIZES) {
  test(`tmpfsOptions() takes ${name}`, () => {
    const pod = podOf([], { containers: [{ name: "c", ...(limits && { resources: { limits } }) }] });
    const volume = decodeVolume({
      name: "v",
      emptyDir: { medium: "Memory", ...(sizeLimit !== undefined && { sizeLimit }) },
    });
    assert.ok("kind" in volume && volume.kind === "emptyDir");
    assert.deepEqual(tmpfsOptions(pod, volume, OPTIONS), [want, "noswap"]);
  });
}

const HOST_PATHS: readonly { type: string; there?: FileStat["kind"]; want: "ok" | RegExp; made?: string }[] = [
  { type: "", want: "ok" },
  { type: "Directory", there: "directory", want: "ok" },
  { type: "Directory", there: "file", want: /\/p is not a directory$/ },
  { type: "Directory", want: /\/p is not a directory: it does not exist$/ },
  { type: "DirectoryOrCreate", want: "ok", made: "mkdir /p 755" },
  { type: "DirectoryOrCreate", there: "file", want: /\/p is not a directory$/ },
  { type: "File", there: "file", want: "ok" },
  { type: "File", want: /not a file: it does not exist$/ },
  { type: "FileOrCreate", want: "ok", made: "write /p" },
  { type: "FileOrCreate", there: "socket", want: /not a file$/ },
  { type: "Socket", there: "socket", want: "ok" },
  { type: "Socket", there: "file", want: /not a socket file$/ },
  { type: "CharDevice", there: "char-device", want: "ok" },
  { type: "CharDevice", there: "block-device", want: /not a character device$/ },
  { type: "BlockDevice", there: "block-device", want: "ok" },
  { type: "BlockDevice", there: "char-device", want: /not a block device$/ },
  { type: "Folder", want: /"Folder" is an invalid volume type; need one of DirectoryOrCreate/ },
];
for (const { type, there, want, made } of HOST_PATHS) {
  test(`setUp() of a hostPath "${type}" ${there ? `on a ${there}` : "on nothing"}: ${want === "ok" ? "is mounted" : "is refused"}`, async () => {
    const { done, volumes } = node(...(there ? [["/p", there] as [string, FileStat["kind"]]] : []));
    const settingUp = volumes.setUp(podOf([{ name: "h", hostPath: { path: "/p", type } }]), signal);
    if (want === "ok") assert.equal((await settingUp).get("h"), "/p");
    else {
      await assert.rejects(settingUp, (error) => {
        return isFault(error, "volume-not-mounted") && error.fault.volume === "h" && want.test(error.message);
      });
    }
    assert.deepEqual(done, made ? [made] : []);
  });
}

test("setUp() refuses a hostPath that climbs", async () => {
  const { volumes } = node(["/a/../p", "directory"]);
  await assert.rejects(
    volumes.setUp(podOf([{ name: "h", hostPath: { path: "/a/../p" } }]), signal),
    /must not contain '..'/,
  );
});

test("setUp() ends with the reason of an abort, not with a volume's fault", async () => {
  const { volumes } = node();
  await assert.rejects(
    volumes.setUp(podOf([{ name: "data" }]), AbortSignal.abort(new Error("stopped"))),
    /^Error: stopped$/,
  );
});

test("unsupportedVolumes() names each volume that this node can't mount, by field", () => {
  const volumes = [
    { name: "ok" },
    { name: "claim", persistentVolumeClaim: { claimName: "x" } },
    { name: "conf", configMap: { name: "x" } },
    { name: "all", projected: { sources: [{ secret: { name: "s" } }, { clusterTrustBundle: { path: "p" } }] } },
    { name: "huge", emptyDir: { medium: "HugePages-2Mi" } },
    { name: "host", hostPath: { path: "/" } },
  ];
  assert.deepEqual(unsupportedVolumes(podOf(volumes)), [
    {
      field: "spec.volumes[1].persistentVolumeClaim",
      message:
        'volume "claim": kind "persistentVolumeClaim" is not supported yet; this node mounts emptyDir, hostPath, configMap, secret, downwardAPI and projected',
    },
    {
      field: "spec.volumes[3].projected.sources[1].clusterTrustBundle",
      message:
        'volume "all": source "clusterTrustBundle" is not supported yet; this node projects configMap, secret, downwardAPI, serviceAccountToken',
    },
    {
      field: "spec.volumes[4].emptyDir.medium",
      message: 'volume "huge": medium "HugePages-2Mi" is not supported yet; use Memory or leave it out',
    },
  ]);
});

test("tearDown() unmounts in the order of the list, then removes sub-paths, volumes and markers", async () => {
  const { done, mounted, volumes } = node();
  for (const target of [`${DIR}/mem/inner`, `${DIR}/mem`])
    mounted.push({ source: "", target, type: "tmpfs", options: "" });
  await volumes.tearDown("u", signal);
  assert.deepEqual(done, [
    `umount ${DIR}/mem/inner false`,
    `umount ${DIR}/mem false`,
    "rmtree /root/pods/u/volume-subpaths",
    "rmtree /root/pods/u/volumes",
    "rmtree /root/pods/u/plugins",
  ]);
});

test("tearDown() removes nothing while something is still mounted", async () => {
  const { done, mounted } = node();
  mounted.push({ source: "", target: `${DIR}/mem`, type: "tmpfs", options: "" });
  const busy = new KubeletError("busy", { code: "file-failed", path: DIR, errno: "EBUSY" });
  const mounts = { list: async () => mounted, unmount: () => Promise.reject(busy) } as unknown as Mounts;
  const files = { removeTree: async (path: string) => void done.push(path) } as unknown as Files;
  await assert.rejects(createVolumes(OPTIONS, { files, mounts, ...NOTHING_ELSE }).tearDown("u", signal), busy);
  assert.deepEqual(done, []);
});

test("a hostPath whose look never comes back lets its pod go, and holds no second thread for the next one", async () => {
  let looks = 0;
  const back = Promise.withResolvers<FileStat | undefined>();
  const files = {
    statFollow: () => {
      looks++;
      return back.promise;
    },
    removeTree: async () => {},
  } as unknown as Files;
  const mounts = { list: async () => [] } as unknown as Mounts;
  const dead = createVolumes(OPTIONS, { files, mounts, ...NOTHING_ELSE });
  const pod = podOf([{ name: "v", hostPath: { path: "/nfs/a", type: "Directory" } }]);
  for (const _ of ["first", "second"]) {
    const stop = new AbortController();
    const setUp = dead.setUp(pod, stop.signal);
    await setImmediate();
    stop.abort(new Error("the pod goes"));
    await assert.rejects(setUp, /the pod goes/);
    await dead.tearDown("u", signal);
  }
  assert.equal(looks, 1);
  const setUp = dead.setUp(pod, signal);
  back.resolve({ kind: "directory", mode: 0o755, uid: 0, gid: 0, size: 0, modifiedAt: 0, inode: 1 });
  assert.deepEqual([...(await setUp)], [["v", "/nfs/a"]]);
});
