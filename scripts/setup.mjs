/**
 * Makes a bare Debian machine ready and then runs `scripts/<verb>.ts` with the pinned Node: `node scripts/setup.mjs VERB [ARGUMENT...]`.
 * Plain JavaScript without dependencies, because it runs on whatever Node >= 18 the machine has, before anything is installed.
 *
 * In order: platform and root, Debian packages, npm dependencies by lockfile, generated code. Each step is skipped when its result is
 * there, so a second run costs a few file checks.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const VERBS = ["demo", "cluster", "test", "bench", "soak", "build", "check"];
const OLDEST_NODE = 18;
/** Parts of `npm test` that run no container, and so need neither root nor Debian packages. */
const LIGHT_PARTS = ["check", "unit", "sim"];

/** What the pinned Node needs: it is built to use this library, and a bare Debian lacks it. */
const NODE_PACKAGES = [
  {
    name: "libatomic1",
    files: ["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((triplet) => [
      `/usr/lib/${triplet}/libatomic.so.1`,
      `/lib/${triplet}/libatomic.so.1`,
    ]),
  },
];

/**
 * What real containers need. A package counts as present when its file is: a program from another source (say, a containerd built by hand)
 * is as good, and asking for the package could remove what is there.
 */
const CONTAINER_PACKAGES = [
  { name: "containerd", files: ["containerd"] },
  { name: "runc", files: ["runc"] },
  { name: "containernetworking-plugins", files: ["/usr/lib/cni/bridge", "/opt/cni/bin/bridge"] },
  { name: "iptables", files: ["iptables"] },
  { name: "docker-registry", files: ["docker-registry"] },
  { name: "busybox-static", files: ["busybox"] },
  { name: "iproute2", files: ["ip"] },
  { name: "util-linux", files: ["nsenter"] },
  { name: "mount", files: ["mount"] },
  { name: "procps", files: ["ps"] },
];

/** What a cluster needs besides: kube-proxy's rules. */
const CLUSTER_PACKAGES = [{ name: "nftables", files: ["nft"] }];

/** What the virtual machine of the tests needs: an emulator, and how its disk is made. */
const VM_PACKAGES = [
  { name: "qemu-system-x86", files: ["qemu-system-x86_64"] },
  { name: "mmdebstrap", files: ["mmdebstrap"] },
  { name: "e2fsprogs", files: ["mke2fs"] },
];

/** Root's PATH lacks these after a plain `su`, and they hold iptables and ip. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** While this file says 101, Debian's maintainer scripts start no service. */
const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_MARK = "# kubelet-ts set-up: packages start no services; removed when the installation ends";

/** A problem that the person at the terminal can solve: shown as it is, without a stack. */
class SetupError extends Error {}

const [verb = "", ...args] = process.argv.slice(2);
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nsetup: ${error.message}`);
  process.exitCode = 1;
}

async function main() {
  if (!VERBS.includes(verb)) {
    throw new SetupError(`unknown verb "${verb}"; known: ${VERBS.join(", ")} (run them as: npm run VERB)`);
  }
  checkMachine();
  const path = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  process.env.PATH = [...new Set(path.filter((folder) => folder !== ""))].join(delimiter);
  if (needsContainers()) checkRoot();
  await installPackages([
    ...NODE_PACKAGES,
    ...(needsContainers() ? CONTAINER_PACKAGES : []),
    ...(needsCluster() ? CLUSTER_PACKAGES : []),
    ...(needsVm() ? VM_PACKAGES : []),
  ]);
  await installDependencies();
  await generateCode();
  const script = join(ROOT, "scripts", `${verb}.ts`);
  if (!existsSync(script)) throw new SetupError(`scripts/${verb}.ts does not exist in this version`);
  return await handOver(pinnedNode(), [script, ...args]);
}

function needsContainers() {
  if (["demo", "cluster", "bench", "soak"].includes(verb)) return true;
  return verb === "test" && (namedParts().length === 0 || namedParts().some((part) => !LIGHT_PARTS.includes(part)));
}

function needsCluster() {
  if (verb === "cluster" || verb === "soak") return true;
  return verb === "test" && (namedParts().length === 0 || namedParts().includes("cluster"));
}

/** On another processor the part says by itself that it can't run; nothing is installed for that. */
function needsVm() {
  if (verb !== "test" || process.arch !== "x64") return false;
  return namedParts().length === 0 || namedParts().includes("vm");
}

/** Of `npm test -- PART...`. */
function namedParts() {
  return args.filter((arg) => /^[a-z]+$/.test(arg));
}

// Machine

function checkMachine() {
  const major = Number.parseInt(process.versions.node, 10);
  if (major < OLDEST_NODE) {
    throw new SetupError(
      `Node ${process.versions.node} is too old to set up the project; ${OLDEST_NODE} or newer is needed (Debian 12: apt-get install nodejs npm)`,
    );
  }
  if (process.platform !== "linux") throw new SetupError(`this is ${process.platform}; a kubelet needs Linux`);
  if (!["x64", "arm64"].includes(process.arch)) {
    throw new SetupError(`this machine's architecture is ${process.arch}; the pinned Node exists for x64 and arm64`);
  }
}

function checkRoot() {
  if (process.getuid() === 0) return;
  throw new SetupError(
    `npm run ${verb} starts real containers, mounts and network namespaces and must run as root; you are user ${process.getuid()}. Run it in a root shell, or: sudo npm run ${verb}`,
  );
}

// Debian packages

async function installPackages(packages) {
  const missing = packages.filter(({ files }) => !files.some(isThere)).map(({ name }) => name);
  if (missing.length === 0) return;
  if (process.getuid() !== 0) {
    throw new SetupError(
      `Debian packages are missing: ${missing.join(", ")}. Install them as root: apt-get install ${missing.join(" ")}`,
    );
  }
  if (!isThere("apt-get")) {
    throw new SetupError(
      `these programs are missing and there is no apt-get to install them: ${missing.join(", ")} (names of Debian packages). Install them by this system's means`,
    );
  }
  await step(`Installing Debian packages: ${missing.join(" ")}`, () => aptInstall(missing));
  const still = packages.filter(({ files }) => !files.some(isThere)).map(({ name }) => name);
  if (still.length > 0)
    throw new SetupError(
      `apt-get reported success, but the programs of these packages are not found: ${still.join(", ")}. Their files may have been deleted: apt-get install --reinstall ${still.join(" ")}`,
    );
}

function isThere(file) {
  const candidates = file.startsWith("/")
    ? [file]
    : process.env.PATH.split(delimiter).map((folder) => join(folder, file));
  return candidates.some((candidate) => {
    try {
      // A library need not be executable.
      accessSync(candidate, candidate.includes(".so") ? constants.R_OK : constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Installs without removing anything and without starting or enabling any service. The package lists are fetched only when the first try
 * fails: on most machines they are good enough, and fetching them is the slowest part.
 */
async function aptInstall(names) {
  const install = ["install", "-y", "--no-install-recommends", "--no-remove", ...names];
  const before = bootLinks();
  const release = forbidServices();
  try {
    const first = await apt(install);
    if (first.code === 0) return;
    const listed =
      !/Unable to locate package|has no installation candidate|404|Failed to fetch|Unable to correct problems/.test(
        first.output,
      );
    if (listed) throw aptError(install, first);
    const update = await apt(["update"]);
    const second = await apt(install);
    // apt-get update ends with 0 even when it reached nothing; what it said then is the real reason.
    if (second.code !== 0) throw aptError(install, { output: `${update.output}\n${second.output}` });
  } finally {
    release();
    // What our installation brought must not start at the next boot either; an upgrade respects that the link is gone.
    for (const link of bootLinks()) if (!before.includes(link)) rmSync(link);
  }
}

function apt(what) {
  const options = ["-q", "-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::Retries=2", "-o", "Dpkg::Use-Pty=0"];
  return captured("apt-get", [...options, ...what], { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" });
}

function aptError(what, { output }) {
  const command = `apt-get ${what.join(" ")}`;
  const lines = output.trim().split("\n");
  const told = lines.filter((line) => /^[EW]:|^dpkg:|^ *Err:/.test(line));
  const text = (told.length > 0 ? told : lines).slice(-8).join("\n  ");
  let hint = "Run the command by hand to see all of its output";
  if (/Could not get lock|lock-frontend/.test(output))
    hint = "Another package manager is running; wait for it to end and run this again";
  else if (
    /Temporary failure|Could not resolve|Could not connect|Network is unreachable|Failed to fetch|Connection failed|Unable to locate package/.test(
      output,
    )
  ) {
    hint = "The package server was not reached; check the network and /etc/apt/sources.list, then run this again";
  }
  return new SetupError(`could not install Debian packages with: ${command}\n  ${text}\n${hint}`);
}

/** Keeps maintainer scripts from starting containerd and docker-registry system-wide. Returns what takes the guard away. */
function forbidServices() {
  // One that an earlier, killed run left behind is ours to replace; any other stays.
  if (existsSync(POLICY) && readFileSync(POLICY, "utf8").includes(POLICY_MARK)) rmSync(POLICY);
  if (existsSync(POLICY)) return () => {};
  writeFileSync(POLICY, `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`, { mode: 0o755, flag: "wx" });
  const release = () => rmSync(POLICY, { force: true });
  process.once("exit", release);
  return release;
}

/** The links by which systemd starts units at boot. */
function bootLinks() {
  const folder = "/etc/systemd/system";
  const kinds = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".wants")) : [];
  return kinds.flatMap((kind) => readdirSync(join(folder, kind)).map((name) => join(folder, kind, name)));
}

// npm dependencies

async function installDependencies() {
  const stamp = join(ROOT, "node_modules", ".kubelet-ts-installed");
  const wanted = hashOf([join(ROOT, "package-lock.json")], process.arch);
  if (readOr(stamp, "") === wanted && existsSync(pinnedNode())) return;
  await step("Installing npm dependencies by lockfile", async () => {
    // npm names itself when it runs us; otherwise the one on PATH.
    const own = process.env.npm_execpath;
    const [command, before] = own?.endsWith(".js") ? [process.execPath, [own]] : ["npm", []];
    // Nothing here needs an install script: native parts come as packages for this platform.
    const what = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--include=dev", "--include=optional"];
    const done = await captured(command, [...before, ...what], {
      NODE_ENV: "development",
      npm_config_loglevel: "error",
    });
    if (done.code !== 0) {
      throw new SetupError(
        `npm ${what.join(" ")} failed:\n  ${done.output.trim().split("\n").slice(-12).join("\n  ")}`,
      );
    }
    if (!existsSync(pinnedNode()))
      throw new SetupError(`npm installed no Node for ${process.arch}: ${relative(ROOT, pinnedNode())} is missing`);
    writeFileSync(stamp, wanted);
  });
}

function pinnedNode() {
  return join(ROOT, "node_modules", `node-linux-${process.arch}`, "bin", "node");
}

// Generated code

/** Runs `scripts/generate.ts` when it, a .proto file or the lockfile (which pins the generators) has changed since it last succeeded. */
async function generateCode() {
  const script = join(ROOT, "scripts", "generate.ts");
  if (!existsSync(script)) return;
  const protos = filesUnder(join(ROOT, "src", "adapters"), ".proto");
  const wanted = hashOf([script, join(ROOT, "package-lock.json"), ...protos], "");
  const stamp = join(ROOT, "node_modules", ".kubelet-ts-generated");
  const outputs = protos.map((proto) => join(dirname(dirname(proto)), "generated"));
  if (readOr(stamp, "") === wanted && outputs.every((folder) => existsSync(folder))) return;
  await step("Generating code from .proto files", async () => {
    const done = await captured(pinnedNode(), [script], {});
    if (done.code !== 0) throw new SetupError(`scripts/generate.ts failed:\n${done.output}`);
    writeFileSync(stamp, wanted);
  });
}

function filesUnder(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesUnder(path, ending);
      return entry.name.endsWith(ending) ? [path] : [];
    })
    .sort();
}

// Small helpers

function hashOf(files, salt) {
  const hash = createHash("sha256").update(salt);
  for (const file of files) hash.update(file.slice(ROOT.length)).update(readFileSync(file));
  return hash.digest("hex");
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}

async function step(title, work) {
  const started = Date.now();
  process.stdout.write(`${title} ... `);
  // Where nobody watches a terminal, a log line a minute still shows that a long step is alive.
  const alive = setInterval(() => process.stdout.write(`${Math.round((Date.now() - started) / 1000)} s ... `), 30_000);
  try {
    await work();
    process.stdout.write(`${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  } catch (error) {
    process.stdout.write("failed\n");
    throw error;
  } finally {
    clearInterval(alive);
  }
}

/** Runs a child to its end; both streams as one text. Its standard input is empty, so that nothing can wait for an answer. */
function captured(command, parameters, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => reject(new SetupError(`could not start ${command}: ${error.message}`)));
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** Runs the verb's own script in the foreground. A terminal's ^C reaches it directly; a SIGTERM sent to us is passed on. */
function handOver(command, parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { cwd: ROOT, stdio: "inherit" });
    process.on("SIGINT", () => {});
    for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("error", (error) =>
      reject(new SetupError(`could not start ${relative(ROOT, command)}: ${error.message}`)),
    );
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
