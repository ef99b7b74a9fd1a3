/** What keeps a kubelet from starting: each time it says what, where, and what to do, and touches nothing. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { buildKubelet } from "../../scripts/build.ts";
import { type Finished, run, tryRun } from "../../scripts/lib/run.ts";
import { detectHost } from "../../src/adapters/linux/index.ts";
import { Scratch } from "../support/scratch.ts";

const HEADER = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const QUIET = `${HEADER}failCgroupV1: false\nfailSwapOn: false\ncgroupDriver: cgroupfs\nenforceNodeAllocatable: []\noomScoreAdj: 0\nhealthzPort: 0\nenableServer: false\n`;
const NO_BODY = { env: { PATH: process.env.PATH }, timeout: 60_000 };

describe("a kubelet that cannot start", () => {
  let scratch: Scratch;
  let launcher: string;

  before(async () => {
    ({ launcher } = await buildKubelet(undefined, process.env.KUBELET_TS_DIST));
    scratch = new Scratch("faults");
  });
  after(async () => await scratch[Symbol.asyncDispose]());

  function config(text: string | Uint8Array): string {
    const path = scratch.path(`${randomBytes(4).toString("hex")}.yaml`);
    writeFileSync(path, text);
    return `--config=${path}`;
  }

  const start = async (...args: string[]): Promise<Finished> => await tryRun(launcher, args, NO_BODY);

  /** Ends with code 1 and says all of this, without a stack. */
  function refused({ code, stderr }: Finished, ...says: readonly RegExp[]): void {
    assert.equal(code, 1, stderr);
    for (const one of says) assert.match(stderr, one);
    assert.doesNotMatch(stderr, /\n\s+at |a bug, please report/);
  }

  test("names every field that is wrong, its value and its file, all at once and once each", async () => {
    const path = config(
      `${HEADER}failCgroupV1: false\nmaxPods: -3\nhealthzPort: 99999\nimageGCHighThresholdPercent: 101\n`,
    );
    const ended = await start(path, "--root-dir", scratch.path("unused"));
    refused(
      ended,
      /^ {2}maxPods must be at least 0, got -3 \(from \/.*\.yaml\)$/m,
      /^ {2}healthzPort must be between 0 and 65535, got 99999/m,
      /^ {2}imageGCHighThresholdPercent must be .* got 101/m,
    );
    assert.equal(ended.stderr.match(/maxPods/g)?.length, 1);
    assert.equal(existsSync(scratch.path("unused")), false);
  });

  test("says what is reserved beyond what the machine has", async () => {
    const ended = await start(
      config(`${QUIET}kubeReserved: {memory: 100Ti, pid: "1"}\nsystemReserved: {cpu: "4000"}\n`),
      "--root-dir",
      scratch.path("reserved"),
    );
    refused(
      ended,
      /more reserved than this machine has/,
      /^ {2}memory: \S+ is reserved of \d+Ki$/m,
      /^ {2}cpu: \S+ is reserved of \S+$/m,
    );
    assert.doesNotMatch(ended.stderr, /pid:/);
  });

  for (const [name, content, says] of [
    ["binary garbage", randomBytes(5000), /--config file \S+ /],
    ["no mapping", "- a\n- b\n", /must hold an object with fields/],
    ["broken YAML", `${HEADER}a: [\n`, /--config file \S+ .*(line 4|at line)/],
    ["another kind", "apiVersion: v1\nkind: Pod\n", /kind/],
    [
      "an alias bomb",
      `${HEADER}a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghij"].map((c, i) => `${c}: &${c} [${`*${"abcdefghi"[i]},`.repeat(9)}]\n`).join("")}`,
      /--config file \S+ .*alias/i,
    ],
  ] as const) {
    test(`refuses a configuration file with ${name}`, async () => {
      refused(await start(config(content)), says);
    });
  }

  test("says which file is not there, and which flag it does not know", async () => {
    refused(await start("--config=/nowhere/k.yaml"), /--config cannot be read at \/nowhere\/k\.yaml: ENOENT/);
    refused(await start("--roort-dir=/x"), /--roort-dir is no known flag; did you mean --root-dir\?/);
    refused(await start("--v=high"), /--v .*high/);
  });

  test("warns of an unknown field and of one that stands twice, and names them, as upstream does", async () => {
    // It ends for another reason, later.
    const path = config(`${QUIET}staticPodPth: /x\nmaxPods: 5\nmaxPods: 6\n`);
    refused(
      await start(path, "--root-dir=/etc/hostname"),
      /k?\S+\.yaml: staticPodPth .*did you mean staticPodPath.*; ignored/,
      /maxPods stands twice, the last one counts/,
      /Cannot make directory \/etc\/hostname/,
    );
  });

  test("refuses cgroup v1 by default, as upstream does, and says both ways out", {
    skip: detectHost().cgroupVersion === 2,
  }, async () => {
    refused(
      await start("--root-dir", scratch.path("unused")),
      /failCgroupV1 is true and this host has cgroup v1: boot it with cgroup v2, or set failCgroupV1: false/,
    );
    assert.equal(existsSync(scratch.path("unused")), false);
  });

  test("refuses an ordinary user", async () => {
    const path = config(QUIET);
    await run("chmod", ["755", scratch.folder]);
    const args = ["--reuid=65534", "--regid=65534", "--clear-groups", launcher, path];
    refused(await tryRun("setpriv", args, NO_BODY), /^kubelet: Cannot run as an ordinary user: .* start it as root$/m);
  });

  test("refuses a root directory that is read-only, or is no directory", async () => {
    const folder = scratch.path("read-only");
    mkdirSync(folder);
    await run("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", folder]);
    const path = config(QUIET);
    try {
      refused(await start(path, `--root-dir=${folder}`), /Cannot .*read-only.* \S*\/read-only.*EROFS/);
      refused(
        await start(path, `--root-dir=${folder}/below`),
        /Cannot make directory \S+\/below: read-only file system/,
      );
    } finally {
      await run("umount", [folder]);
    }
    writeFileSync(scratch.path("file"), "");
    refused(await start(path, `--root-dir=${scratch.path("file")}`), /Cannot make directory \S+\/file: .*EEXIST/);
    refused(await start(path, "--root-dir=relative"), /root directory relative: --root-dir must be an absolute path/);
  });

  test("says that nothing listens at the endpoint it was given", async () => {
    const endpoint = `unix://${scratch.path("none.sock")}`;
    refused(
      await start(config(QUIET), `--root-dir=${scratch.path("root")}`, `--container-runtime-endpoint=${endpoint}`),
      /container runtime at unix:\/\/\S+\/none\.sock does not answer: connect ENOENT/,
    );
    refused(
      await start(config(QUIET), `--root-dir=${scratch.path("root")}`, "--container-runtime-endpoint=http://x"),
      /--container-runtime-endpoint|containerRuntimeEndpoint/,
    );
  });

  test("names the Debian packages of parts that the embedded runtime lacks", async () => {
    // Hides the system's programs and plugins in a mount namespace of the child's own.
    mkdirSync(scratch.path("empty"));
    mkdirSync(scratch.path("bin"));
    for (const name of ["sh", "readlink"]) symlinkSync(`/bin/${name}`, scratch.path("bin", name));
    const hide = [
      `for d in /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do [ ! -d $d ] || mount --bind ${scratch.path("empty")} $d; done`,
      "for p in containerd containerd-shim-runc-v2; do for d in /usr/bin /usr/local/bin; do [ ! -e $d/$p ] || mount --bind /dev/null $d/$p; done; done",
      'exec "$@"',
    ].join("\n");
    const args = [config(QUIET), `--root-dir=${scratch.path("lacking")}`, "--container-runtime-endpoint=embedded"];
    refused(
      await tryRun("unshare", ["--mount", "sh", "-c", hide, "sh", launcher, ...args], NO_BODY),
      /Cannot start embedded containerd: containerd, containerd-shim-runc-v2, CNI plugin bridge, .* not found/,
      /on Debian: apt-get install containerd containernetworking-plugins/,
    );
  });

  test("does not take a runtime that it found and cannot ask", async () => {
    // Seen at the usual place by this child only.
    const socket = scratch.path("mute.sock");
    const server = createServer((one) => one.destroy()).listen(socket);
    try {
      mkdirSync(scratch.path("run"));
      const script = `mount --bind ${scratch.path("run")} /run && mkdir /run/containerd && touch /run/containerd/containerd.sock && mount --bind ${socket} /run/containerd/containerd.sock && exec "$@"`;
      const args = [config(QUIET), `--root-dir=${scratch.path("found")}`];
      refused(
        await tryRun("unshare", ["--mount", "sh", "-c", script, "sh", launcher, ...args], NO_BODY),
        /\/run\/containerd\/containerd\.sock was found, not given, and its pods cannot be listed/,
        /--container-runtime-endpoint=unix:\/\/\/run\/containerd\/containerd\.sock to take it over/,
        /--container-runtime-endpoint=embedded to run a private containerd/,
      );
    } finally {
      server.close();
    }
  });
});
