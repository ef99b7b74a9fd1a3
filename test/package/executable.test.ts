/** The one file that is shipped: how it starts, what it says when it is damaged, and that it leaves nothing behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildKubelet } from "../../scripts/build.ts";
import { freePort } from "../../scripts/lib/free-port.ts";
import { run, stopChild, tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { loadNative, Parts } from "../../src/adapters/executable/index.ts";
import { FakeCri } from "../support/fake-cri.ts";
import { nodeSettings } from "../support/quiet-node.ts";
import { Scratch } from "../support/scratch.ts";

const EXPLAIN = { KUBELET_TS_EXPLAIN_START: "1" };
const VERSION = /^Kubernetes v\d+\.\d+\.\d+\n$/;

describe("dist/kubelet", () => {
  let scratch: Scratch;
  let kubelet = "";

  before(async () => {
    kubelet = (await buildKubelet(undefined, process.env.KUBELET_TS_DIST)).launcher;
    scratch = new Scratch("executable");
  });
  after(async () => await scratch[Symbol.asyncDispose]());

  test("starts with V8's compiled code for every part, also as a node", async () => {
    const version = await tryRun(kubelet, ["--version"], { env: EXPLAIN });
    assert.match(version.stdout, VERSION);
    assert.match(version.stderr, /^kubelet: \d+ parts loaded, compiled anew: none$/m);
    await using node = await startNode({ env: EXPLAIN });
    await node.stop();
    assert.match(node.log(), /^kubelet: \d+ parts loaded, compiled anew: none$/m);
  });

  test("shows in ps under its name with its flags, as it was started", async () => {
    await using node = await startNode({});
    const shown = (await run("ps", ["-o", "comm=,args=", "-p", `${node.pid}`])).trim();
    assert.equal(shown, `kubelet         ${[kubelet, ...node.args].join(" ")}`);
  });

  test("takes neither options nor variables of Node", async () => {
    const { stdout, stderr } = await tryRun(kubelet, ["--version"], { env: { NODE_OPTIONS: "--no-such-option" } });
    assert.match(stdout + stderr, VERSION);
    const refused = await tryRun(kubelet, ["--inspect"]);
    assert.match(refused.stderr, /--inspect is no known flag/);
  });

  test("opens no debugger for SIGUSR1", async () => {
    await using node = await startNode({});
    const threads = await run("ps", ["-L", "-o", "comm=", "-p", `${node.pid}`]);
    assert.doesNotMatch(threads, /SignalInspector/);
    assert.match(threads, /^kubelet$/m);
  });

  test("runs by a symlink, from any folder, and when its file was replaced meanwhile", async () => {
    symlinkSync(kubelet, scratch.path("link"));
    assert.match(await run(scratch.path("link"), ["--version"], { cwd: "/" }), VERSION);
    const copy = scratch.path("replaced");
    copyFileSync(kubelet, copy);
    await using node = await startNode({ program: copy });
    await run("rm", [copy]);
    // Asked for late: the code of the verbs' answers.
    const pods = await tryRun(kubelet, ["get", "pods", `--root-dir=${node.root}`]);
    assert.match(pods.stderr, /No pods on this node/);
  });

  for (const [name, keep] of [
    ["by a byte", -1],
    ["in its parts", -4_000_000],
  ] as const)
    test(`says that it is damaged when it was cut off ${name}`, async () => {
      const copy = damaged(`cut${keep}`);
      truncateSync(copy, statSync(copy).size + keep);
      const { code, stdout, stderr } = await tryRun(copy, ["--version"]);
      assert.equal(code, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^kubelet: This kubelet's file is damaged: .*cut off.*compare it with SHA256SUMS/);
      assert.equal(stderr.split("\n").length, 2);
    });

  test("says that it is damaged when a part was changed, and which", async () => {
    using parts = new Parts(kubelet);
    const { entry, scripts } = parts.layout;
    const { source, cache } = scripts[entry] ?? assert.fail("there is no first script");
    for (const part of [source, cache ?? assert.fail("it has no compiled code")]) {
      const copy = damaged(`at-${part.offset}`);
      const file = openSync(copy, "r+");
      writeSync(file, Buffer.from([0xff]), 0, 1, part.offset + Math.floor(part.length / 2));
      closeSync(file);
      const { code, stderr } = await tryRun(copy, ["--version"]);
      assert.equal(code, 1);
      assert.match(stderr, /^kubelet: This kubelet's file is damaged: .*kubelet\.js was changed; compare/);
    }
  });

  test("carries what was built in, and a sum over all of it", async () => {
    using parts = new Parts(kubelet);
    const { sha256 } = parts.layout;
    const before = readFileSync(kubelet).indexOf(`{"version":`, (await sizeOfNode()) - 1);
    const sum = await run("sh", ["-c", 'head -c "$1" "$0" | sha256sum', kubelet, `${before}`]);
    assert.equal(sum.split(" ")[0], sha256);
  });

  test("loads its native library from a folder that can be executed in, and leaves nothing there", async () => {
    const library = readFileSync(koffi());
    const folder = scratch.path("native");
    mkdirSync(folder);
    assert.equal(typeof (loadNative(library, [folder]) as { load: unknown }).load, "function");
    assert.deepEqual(readdirSync(folder), []);
    assert.throws(() => loadNative(library, [scratch.path("none")]), /\/none: ENOENT.*set TMPDIR to one that does/);
    // Mounts of the process' own: one place forbids it, the next has no room.
    const full = scratch.path("full");
    mkdirSync(full);
    const script = `mount -t tmpfs -o noexec tmpfs /dev/shm && mount -t tmpfs -o size=64k tmpfs ${full} && exec "$@"`;
    const words = ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh"];
    await using node = await startNode({ before: words, env: { TMPDIR: full } });
    // It has its lock, by a call of that library.
    assert.match(node.log(), /Runtime is ready/);
  });

  function damaged(name: string): string {
    const copy = scratch.path(name);
    copyFileSync(kubelet, copy);
    chmodSync(copy, 0o755);
    return copy;
  }

  async function sizeOfNode(): Promise<number> {
    using parts = new Parts(kubelet);
    return Math.max(...Object.values(parts.layout.files).map(({ offset, length }) => offset + length));
  }

  interface Start {
    readonly env?: Readonly<Record<string, string>>;
    readonly program?: string;
    /** Words before the program. */
    readonly before?: readonly string[];
  }

  /** A kubelet without pods that has reached a runtime. */
  async function startNode({ env = {}, program = kubelet, before: words = [] }: Start) {
    const folder = scratch.path(`node-${await freePort()}`);
    mkdirSync(join(folder, "manifests"), { recursive: true });
    const runtime = new FakeCri();
    await runtime.listen(join(folder, "cri.sock"));
    const root = join(folder, "root");
    const args = nodeSettings(folder, { port: await freePort(), healthzPort: await freePort() });
    const [command = "", ...rest] = [...words, program, ...args];
    const child = spawn(command, rest, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      log += text;
    });
    const closed = once(child, "close");
    const stop = async () => {
      await stopChild(child, 60_000);
      // What it says at its end may be read after that.
      await closed;
      runtime.kill();
    };
    const node = { pid: child.pid ?? 0, args, root, log: () => log, stop, [Symbol.asyncDispose]: stop };
    try {
      const ready = () => child.exitCode !== null || log.includes("Runtime is ready");
      await waitFor("the kubelet to be ready", ready, { timeout: 60_000, explain: () => log });
      assert.equal(child.exitCode, null, log);
      return node;
    } catch (error) {
      await stop();
      throw error;
    }
  }
});

const koffi = (): string =>
  join(
    import.meta.dirname,
    "../../node_modules/@koromix",
    `koffi-linux-${process.arch}`,
    `linux_${process.arch}`,
    "koffi.node",
  );
