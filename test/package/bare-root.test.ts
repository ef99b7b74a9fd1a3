/** A Debian with nothing on it but the libraries that the package depends on: no Node, no npm, no runtime, no shell. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildKubelet } from "../../scripts/build.ts";
import { KOFFI } from "../../scripts/lib/package/bundle.ts";
import { type Finished, run, tryRun } from "../../scripts/lib/run.ts";
import { Parts } from "../../src/adapters/executable/index.ts";
import { Scratch } from "../support/scratch.ts";

const HEADER = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

describe("on a bare root", () => {
  let scratch: Scratch;
  let root = "";
  let libraries: readonly string[] = [];

  before(async () => {
    const { launcher } = await buildKubelet(undefined, process.env.KUBELET_TS_DIST);
    scratch = new Scratch("bare");
    root = scratch.path("root");
    for (const folder of ["proc", "dev", "tmp", "etc", "usr/bin"]) mkdirSync(join(root, folder), { recursive: true });
    copyFileSync(launcher, join(root, "usr/bin/kubelet"));
    using parts = new Parts(launcher);
    const { [KOFFI]: koffi = assert.fail("there is no koffi in it") } = parts.layout.files;
    writeFileSync(scratch.path("koffi.node"), parts.read(KOFFI, koffi));
    libraries = [...new Set([...(await librariesOf(launcher)), ...(await librariesOf(scratch.path("koffi.node")))])];
    for (const path of libraries) put(path);
  });
  after(async () => await scratch[Symbol.asyncDispose]());

  function put(path: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }

  /** Runs the kubelet in there, with /proc, in mounts of its own. */
  const inside = async (...args: readonly string[]): Promise<Finished> => {
    const mounts = `mount -t proc proc ${root}/proc && mount -t tmpfs tmpfs ${root}/tmp && exec chroot ${root} /usr/bin/kubelet "$@"`;
    return await tryRun("unshare", ["--mount", "--propagation=private", "sh", "-c", mounts, "sh", ...args]);
  };

  test("needs the C and C++ libraries and libatomic, and nothing else", () => {
    const names = libraries.map((path) => basename(path)).filter((name) => !name.startsWith("ld-linux"));
    assert.deepEqual(names.sort(), [
      "libatomic.so.1",
      "libc.so.6",
      "libdl.so.2",
      "libgcc_s.so.1",
      "libm.so.6",
      "libpthread.so.0",
      "libstdc++.so.6",
    ]);
  });

  test("shows its version, its options, and where they come from", async () => {
    const version = await inside("--version");
    assert.match(version.stdout, /^Kubernetes v1\.37\.\d+$/m, version.stderr);
    const options = await inside("config", "view", "--effective", "--max-pods=7");
    assert.match(options.stdout, /^maxPods +7 /m, options.stderr);
  });

  test("starts, takes its lock, and says which packages a node needs", async () => {
    writeFileSync(
      join(root, "etc/kubelet.yaml"),
      `${HEADER}containerRuntimeEndpoint: embedded\nfailCgroupV1: false\nfailSwapOn: false\ncgroupsPerQOS: false\nenforceNodeAllocatable: []\noomScoreAdj: 0\nhealthzPort: 0\nenableServer: false\n`,
    );
    const { code, stderr } = await inside("--config=/etc/kubelet.yaml", "--root-dir=/var/lib/kubelet");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Cannot start embedded containerd: containerd, .* not found/);
    assert.match(stderr, /on Debian: apt-get install .*containerd/);
    assert.doesNotMatch(stderr, /a bug, please report/);
  });

  test("says what it needs where there is no /proc", async () => {
    const { code, stderr } = await tryRun("chroot", [root, "/usr/bin/kubelet", "--version"]);
    assert.equal(code, 1);
    assert.match(stderr, /^kubelet: Cannot read \/proc\/self: .*; a kubelet needs \/proc mounted$/m);
  });

  test("without libatomic it is the dynamic loader that names it, as the README says", async () => {
    const atomic = libraries.find((path) => path.includes("libatomic")) ?? assert.fail("libatomic is not there");
    await run("rm", [join(root, atomic)]);
    const { code, stderr } = await inside("--version");
    put(atomic);
    assert.equal(code, 127);
    assert.match(stderr, /libatomic\.so\.1: cannot open shared object file/);
    const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
    assert.ok(readme.includes("libatomic1"), "README.md names the package");
  });
});

/** Absolute paths of the libraries that the dynamic loader would take, itself included. */
async function librariesOf(program: string): Promise<string[]> {
  const listed = await run("ldd", [program]);
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}
