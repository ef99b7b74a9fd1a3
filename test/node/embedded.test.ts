/**
 * The embedded runtime on the real thing: Debian's containerd 1.6, and 2.4 where `scripts/tools.ts containerd` has built it.
 * Everything happens in a network namespace and a scratch root directory of its own; needs root.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { networkNames, PAUSE_IMAGE, runtimePaths } from "../../src/adapters/containerd/index.ts";
import { pauseProgram } from "../../src/adapters/containerd/pause-program.ts";
import { CriCalls } from "./embedded-cri.ts";

const HOST = join(import.meta.dirname, "embedded-host.ts");
const TOOLS = join(process.env.KUBELET_TS_CACHE ?? join(homedir(), ".cache/kubelet-ts"), "tools");

/** PATH values under which each containerd is found first. */
const RUNTIMES = [
  { version: "1.6", path: "/usr/sbin:/usr/bin" },
  ...(existsSync(TOOLS) ? readdirSync(TOOLS) : [])
    .filter((name) => name.startsWith("containerd-") && existsSync(join(TOOLS, name, "bin/containerd")))
    .slice(0, 1)
    .map((name) => ({ version: "2.4", path: `${join(TOOLS, name, "bin")}:/usr/sbin:/usr/bin` })),
];

type Line = { readonly [key: string]: unknown };

/** One process that stands for a kubelet. */
class Host {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(netns: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn("nsenter", [`--net=${netns}`, process.execPath, HOST, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env,
    });
    this.#exited = new Promise((resolve) => this.#child.once("close", resolve));
    if (this.#child.stdout) createInterface(this.#child.stdout).on("line", (line) => this.lines.push(JSON.parse(line)));
  }

  /** The first line that has the key, within 60 s. */
  async line(key: string, value?: unknown): Promise<Line> {
    const fits = (line: Line) => key in line && (value === undefined || line[key] === value);
    return eventually(() => this.lines.find(fits), `line with ${key}; got ${JSON.stringify(this.lines)}`);
  }

  async exit(): Promise<void> {
    await this.#exited;
  }

  /** As the kernel would: nsenter has become node, so the pid is the kubelet's. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}

async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  for (let tries = 0; tries < 3000; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(20);
  }
  throw new Error(`Waited 60 s for ${what}`);
}

const pidOf = (root: string): number => JSON.parse(readFileSync(runtimePaths(root).pidFile, "utf8")).pid;
const listOf = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);

/** What this runtime has at fixed places outside its root directory and network namespace. Other tests may use the same folders. */
const outside = (root: string, sandboxes: readonly string[]): readonly string[] => {
  const { network } = networkNames(root);
  const sockets = sandboxes.map((id) => shimSocket(runtimePaths(root).socket, id));
  return [
    ...listOf("/run/containerd/s").filter((name) => sockets.includes(name)),
    ...listOf("/run/containerd/runc/k8s.io").filter((name) => sandboxes.includes(name)),
    ...listOf("/var/lib/cni/results").filter(
      (name) => name.startsWith(`${network}-`) || sandboxes.some((id) => name.includes(id)),
    ),
  ];
};
const shimSocket = (socket: string, id: string): string =>
  createHash("sha256")
    .update(join(socket, "k8s.io", id))
    .digest("hex");
const mentions = (root: string): readonly string[] => [
  ...readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(`${root}/`)),
  ...listOf("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${root}/`);
      } catch {
        return false;
      }
    }),
];

for (const { version, path } of RUNTIMES) {
  describe(`startEmbedded() with containerd ${version}`, () => {
    const scratch = mkdtempSync("/tmp/embedded-test-");
    const root = join(scratch, "root");
    const netns = join(scratch, "netns");
    const cgroup = `/kubelet-ts-embedded-${version.replace(".", "")}-${process.pid}`;
    const paths = runtimePaths(root);
    const options = (more: object = {}) =>
      JSON.stringify({
        rootDir: root,
        podCidr: "10.123.0.0/24",
        cniBinDirs: [],
        cgroupDriver: "cgroupfs",
        logLevel: "info",
        path,
        ...more,
      });
    const inNet = (...command: string[]) =>
      execFileSync("nsenter", [`--net=${netns}`, ...command], { encoding: "utf8" });
    let host: Host;
    let sandbox = "";

    before(() => {
      mkdirSync(root);
      writeFileSync(netns, "");
      execFileSync("unshare", [`--net=${netns}`, "true"]);
      inNet("ip", "link", "set", "lo", "up");
    });

    after(async () => {
      await host.kill();
      await new Host(netns, ["stop", root]).exit();
      execFileSync("umount", [netns]);
      for (const controller of listOf("/sys/fs/cgroup")) removeCgroup(join("/sys/fs/cgroup", controller, cgroup));
      rmSync(scratch, { recursive: true, force: true });
    });

    test("comes up with the pause image, having pulled nothing", async () => {
      host = new Host(netns, ["start", options()]);
      const ready = await host.line("ready");
      assert.equal(ready.adopted, false);
      assert.ok(String(ready.version).includes(version), String(ready.version));
      const images = execFileSync("ctr", ["-a", paths.socket, "-n", "k8s.io", "images", "ls", "-q"], {
        encoding: "utf8",
      });
      assert.deepEqual(
        images.split("\n").filter((name) => name && !name.startsWith("sha256:")),
        [PAUSE_IMAGE],
      );
    });

    test("runs a sandbox with an address of the pod CIDR, a bridge, masquerade and a host port", async () => {
      using cri = new CriCalls(paths.endpoint);
      const logs = join(scratch, "logs");
      mkdirSync(logs);
      sandbox = await cri.runSandbox("uid-1", logs, cgroup, 8080);
      assert.match(await cri.sandboxIp(sandbox), /^10\.123\.0\.\d+$/);
      const { bridge, network } = networkNames(root);
      assert.match(inNet("ip", "-4", "addr", "show", bridge), /inet 10\.123\.0\.1\/24/);
      const nat = inNet("iptables-save", "-t", "nat");
      assert.match(nat, /--dport 8080 .*-j DNAT/);
      assert.match(nat, new RegExp(`name: \\\\"${network}\\\\" id: .*-j MASQUERADE`));
      assert.deepEqual(
        listOf(join(paths.cniNetworks, network)).filter((name) => name.startsWith("10.")),
        [await cri.sandboxIp(sandbox)],
      );
      assert.equal(existsSync(join(paths.state, "runc/k8s.io", sandbox)), true);
    });

    test("leads a host port to the pod, from the host's own addresses too", async () => {
      const [name = ""] = listOf(join(paths.state, "io.containerd.grpc.v1.cri/netns"));
      const serve =
        'require("node:http").createServer((q, r) => r.end("from the pod")).listen(80, () => console.log("up"))';
      const podNet = `--net=${join(paths.state, "io.containerd.grpc.v1.cri/netns", name)}`;
      const server = spawn("nsenter", [podNet, process.execPath, "-e", serve], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        await once(server.stdout, "data");
        for (const address of ["10.123.0.1", "127.0.0.1"]) {
          const ask = `fetch("http://${address}:8080").then((a) => a.text()).then(console.log)`;
          assert.equal(inNet(process.execPath, "-e", ask), "from the pod\n", address);
        }
      } finally {
        server.kill("SIGKILL");
      }
    });

    test("takes a killed kubelet's containerd over, with the sandbox", async () => {
      const pid = pidOf(root);
      await host.kill();
      host = new Host(netns, ["start", options()]);
      assert.equal((await host.line("ready")).adopted, true);
      assert.equal(pidOf(root), pid);
      using cri = new CriCalls(paths.endpoint);
      assert.deepEqual(await cri.listSandboxes(), [sandbox]);
    });

    test("starts containerd again after kill -9, adopted or own child, and the sandbox lives on", async () => {
      for (const backoffMs of [100, 200]) {
        const pid = pidOf(root);
        process.kill(pid, "SIGKILL");
        const crash = await host.line("backoffMs", backoffMs);
        assert.ok(Array.isArray(crash.lastLines) && crash.lastLines.length > 0);
        await eventually(() => (pidOf(root) === pid ? undefined : true), "a new pid");
        await eventually(
          () =>
            host.lines.some((line) => line.message === "Restarted embedded containerd" && line.pid === pidOf(root))
              ? true
              : undefined,
          "the restart",
        );
        using cri = new CriCalls(paths.endpoint);
        assert.match(await cri.sandboxIp(sandbox), /^10\.123\.0\.\d+$/);
      }
    });

    test("restarts containerd only, when the configuration has changed", async () => {
      const pid = pidOf(root);
      await host.kill();
      host = new Host(netns, ["start", options({ logLevel: "warn" })]);
      assert.equal((await host.line("ready")).adopted, false);
      assert.equal((await host.line("reason")).reason, "its configuration or program has changed");
      assert.notEqual(pidOf(root), pid);
      using cri = new CriCalls(paths.endpoint);
      assert.match(await cri.sandboxIp(sandbox), /^10\.123\.0\.\d+$/);
    });

    test("stops and removes the sandbox at once, with address and firewall rules", async () => {
      using cri = new CriCalls(paths.endpoint);
      const begin = performance.now();
      await cri.removeSandbox(sandbox);
      assert.ok(performance.now() - begin < 5000, "StopPodSandbox waited for a grace to pass");
      assert.doesNotMatch(inNet("iptables-save", "-t", "nat"), /dport 8080/);
      assert.deepEqual(await cri.listSandboxes(), []);
      assert.deepEqual(outside(root, [sandbox]), []);
    });

    test("imports the pause image again after a prune", async () => {
      using cri = new CriCalls(paths.endpoint);
      await cri.removeImage(PAUSE_IMAGE);
      assert.equal(await cri.hasImage(PAUSE_IMAGE), false);
      await host.kill();
      host = new Host(netns, ["start", options({ logLevel: "warn" })]);
      await host.line("ready");
      assert.equal(await cri.hasImage(PAUSE_IMAGE), true);
    });

    test("stopEmbedded() leaves nothing, though a sandbox was still running", async () => {
      using cri = new CriCalls(paths.endpoint);
      const left = await cri.runSandbox("uid-2", join(scratch, "logs"), cgroup, 8081);
      assert.notDeepEqual(outside(root, [left]), []);
      await host.kill();
      const stop = new Host(netns, ["stop", root]);
      await stop.exit();
      assert.deepEqual(stop.lines, []);
      await eventually(() => (mentions(root).length === 0 ? true : undefined), `the end of ${mentions(root)}`);
      assert.deepEqual(outside(root, [left]), []);
      assert.doesNotMatch(inNet("iptables-save", "-t", "nat"), /8081|MASQUERADE .*10\.123|name: /);
      assert.doesNotMatch(inNet("ip", "-o", "link"), new RegExp(networkNames(root).bridge));
    });

    test("uses native snapshots where overlayfs does not work", async () => {
      rmSync(root, { recursive: true });
      const bin = join(scratch, "bin");
      mkdirSync(bin);
      writeFileSync(join(bin, "unshare"), "#!/bin/sh\necho no overlay >&2\nexit 1\n", { mode: 0o755 });
      host = new Host(netns, ["start", options()], { ...process.env, PATH: `${bin}:${process.env.PATH}` });
      assert.equal((await host.line("ready")).snapshotter, "native");
      using cri = new CriCalls(paths.endpoint);
      const id = await cri.runSandbox("uid-3", join(scratch, "logs"), cgroup, 8082);
      assert.notEqual(await cri.sandboxIp(id), "");
      await cri.removeSandbox(id);
    });
  });
}

test("startEmbedded() names a missing CNI plugin and its package", async () => {
  const scratch = mkdtempSync("/tmp/embedded-test-");
  try {
    const options = { rootDir: scratch, podCidr: "", cniBinDirs: [], cgroupDriver: "cgroupfs", logLevel: "info" };
    // A mount namespace in which Debian's plugins are not there.
    const script = `mount -t tmpfs none /usr/lib/cni && exec ${process.execPath} ${HOST} start '${JSON.stringify(options)}'`;
    const output = execFileSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
    assert.match(
      JSON.parse(output).refused,
      /CNI plugin bridge, CNI plugin host-local.*apt-get install containernetworking-plugins$/,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

test("startEmbedded() says that the root directory cannot be written to", () => {
  const scratch = mkdtempSync("/tmp/embedded-test-");
  try {
    const options = { rootDir: scratch, podCidr: "", cniBinDirs: [], cgroupDriver: "cgroupfs", logLevel: "info" };
    const script = `mount -t tmpfs -o ro none ${scratch} && exec ${process.execPath} ${HOST} start '${JSON.stringify(options)}'`;
    const output = execFileSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
    assert.match(JSON.parse(output).refused, /^Cannot prepare embedded containerd under .*: EROFS.*must be writable/);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

test("pauseProgram() ends on SIGTERM as PID 1 of a namespace, which the kernel shields", async () => {
  const scratch = mkdtempSync("/tmp/embedded-test-");
  try {
    const program = join(scratch, "pause");
    writeFileSync(program, pauseProgram(process.arch === "arm64" ? "arm64" : "amd64"), { mode: 0o755 });
    const unshare = spawn("unshare", ["--pid", "--fork", "--kill-child", program], { stdio: "ignore" });
    const stat = (pid: string) => readFileSync(`/proc/${pid}/stat`, "utf8");
    const first = await eventually(() => {
      const [pid] = readFileSync(`/proc/${unshare.pid}/task/${unshare.pid}/children`, "utf8").trim().split(" ");
      return pid && stat(pid).includes("(pause) S") ? pid : undefined;
    }, "the program to wait");
    process.kill(Number(first), "SIGTERM");
    assert.deepEqual(await once(unshare, "exit"), [0, null]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

/** Removes a cgroup with its children, as far as it is there. */
function removeCgroup(path: string): void {
  if (!existsSync(path)) return;
  // v1 has links such as "cpu" to "cpu,cpuacct": the second of the two finds nothing any more.
  execFileSync("find", [path, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
}
