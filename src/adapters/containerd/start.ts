import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { KubeletError } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { type Binaries, findBinaries, programDirs } from "./binaries.ts";
import { containerdConfig } from "./config.ts";
import { type Facts, gatherFacts } from "./facts.ts";
import { bootId, findRunning, readRecord } from "./identity.ts";
import { mountsBelow } from "./mounts.ts";
import { DEFAULT_POD_CIDR } from "./network.ts";
import { type RuntimePaths, runtimePaths, SOCKET_PATH_MAX } from "./paths.ts";
import { PAUSE_IMAGE, pauseArchive } from "./pause-image.ts";
import { PodNetwork } from "./pod-network.ts";
import { adoptContainerd, listens, stopProcess } from "./process.ts";
import { runOk } from "./run.ts";
import { Supervisor } from "./supervisor.ts";
import { atLeast } from "./version.ts";

/** How the embedded runtime is set up. */
export interface EmbeddedOptions {
  /** The kubelet's `--root-dir`, absolute. Everything of the runtime goes to `<rootDir>/runtime`. */
  readonly rootDir: string;
  /** `podCIDR` of the configuration, empty: DEFAULT_POD_CIDR. undefined: told later by `usePodCidr`, until then what an earlier kubelet was told. */
  readonly podCidr: string | undefined;
  /** Searched for CNI plugins before the usual folders. */
  readonly cniBinDirs: readonly string[];
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** containerd's own: trace, debug, info, warn, error. */
  readonly logLevel: string;
  /** Never raise a container's protection above what containerd itself has. undefined: exactly where CAP_SYS_RESOURCE is missing. */
  readonly restrictOomScoreAdj?: boolean;
  /** Where programs are looked for first. Default: $PATH. */
  readonly path?: string;
}

/** What it needs of the rest of the kubelet. Two calls go through the CRI client, which this wing does not know. */
export interface EmbeddedDeps {
  readonly log: Log;
  readonly clock: Clock;
  /** One CRI `Version` call over a fresh connection; rejects when the runtime does not answer. */
  readonly probe: (endpoint: string, signal: AbortSignal) => Promise<void>;
  /** One CRI `ImageStatus` call over a fresh connection: is the image there? */
  readonly hasImage: (endpoint: string, image: string, signal: AbortSignal) => Promise<boolean>;
}

export interface EmbeddedRuntime {
  /** `unix://…` for the CRI client. */
  readonly endpoint: string;
  /** Of containerd, as it prints it. */
  readonly version: string;
  readonly snapshotter: "overlayfs" | "native";
  /** Whether an earlier kubelet's containerd was taken over. */
  readonly adopted: boolean;
  /** The pods' range when it came up; undefined: none that the cluster gave, there may be no network at all. */
  readonly podCidr: string | undefined;
  /**
   * Gives new pods addresses of this range, at once: "10.244.1.0/24", or one per family with a comma between. Pods that run keep theirs.
   * @throws KubeletError `network-not-ready` for a text that is no range, `file-failed`
   */
  usePodCidr(podCidr: string): Promise<void>;
  /** Imports the sandbox image if it is gone, e.g. by a prune. Cheap when it is there. */
  ensurePauseImage(signal: AbortSignal): Promise<void>;
  /** Pending while containerd is supervised; resolves after the abort of the signal that startEmbedded got. */
  readonly supervision: Promise<void>;
}

/**
 * Brings up the private containerd of this root directory, or takes over the one that runs, and restarts it whenever it ends.
 * Resolves when CRI answers and the pause image is there. Aborting `signal` ends the supervision; containerd and containers go on.
 *
 * @throws KubeletError `start-refused`: parts are missing, the root directory's path is too long, or containerd does not come up;
 *   `file-failed`: the root directory can't be written to
 */
export async function startEmbedded(
  options: EmbeddedOptions,
  deps: EmbeddedDeps,
  signal: AbortSignal,
): Promise<EmbeddedRuntime> {
  const paths = runtimePaths(options.rootDir);
  refuseBadRoot(options.rootDir, paths);
  const searchPath = options.path ?? process.env.PATH ?? "";
  const binaries = findBinaries({ path: searchPath, cniBinDirs: options.cniBinDirs });
  const network = new PodNetwork(options.rootDir, paths);
  const { facts, config } = await prepare(options, binaries, { paths, network, log: deps.log }, signal);
  const podCidr = await network.current();

  // The shim is found on containerd's PATH, iptables on that of the plugins it runs.
  const path = [...new Set([dirname(binaries.shim), ...programDirs(searchPath)])].join(":");
  const args = ["--config", paths.config, "--log-level", options.logLevel];
  const configHash = createHash("sha256")
    .update(JSON.stringify([binaries.containerd, facts.version.text, args, path, config]))
    .digest("hex");
  const ensurePauseImage = (stop: AbortSignal) => ensureImage(binaries, facts, paths, deps, stop);
  const supervisor = new Supervisor({
    paths,
    plan: { program: binaries.containerd, args, path },
    configHash,
    log: deps.log,
    clock: deps.clock,
    probe: deps.probe,
    afterStart: ensurePauseImage,
  });

  const adopted = await tryAdopt(supervisor, configHash, paths, deps, signal);
  if (!adopted) await supervisor.start(signal);
  return {
    endpoint: paths.endpoint,
    version: facts.version.text,
    snapshotter: facts.snapshotter,
    adopted,
    // A range of our own making is what a node without a cluster has.
    podCidr: options.podCidr === undefined && podCidr === DEFAULT_POD_CIDR ? undefined : podCidr,
    usePodCidr: (range) => written(paths, () => network.use(range)),
    ensurePauseImage,
    supervision: supervisor.watch(signal),
  };
}

interface Preparing {
  readonly paths: RuntimePaths;
  readonly network: PodNetwork;
  readonly log: Log;
}

/** Makes folders, facts and files. */
function prepare(
  options: EmbeddedOptions,
  binaries: Binaries,
  { paths, network, log }: Preparing,
  signal: AbortSignal,
): Promise<{ readonly facts: Facts; readonly config: string }> {
  return written(paths, async () => {
    // Node's recursive mkdir reports a read-only file system as ENOENT.
    if (existsSync(options.rootDir)) accessSync(options.rootDir, constants.W_OK);
    makeFolders(paths);
    const facts = await gatherFacts(binaries, paths, log, signal);
    const config = containerdConfig({
      version: facts.version,
      paths,
      snapshotter: facts.snapshotter,
      ociRuntime: facts.ociRuntime,
      systemdCgroup: options.cgroupDriver === "systemd",
      restrictOomScoreAdj: options.restrictOomScoreAdj ?? !hasSysResource(readFileSync("/proc/self/status", "utf8")),
    });
    writeFiles(binaries, config, paths);
    if (options.podCidr !== undefined) await network.use(options.podCidr || DEFAULT_POD_CIDR);
    return { facts, config };
  });
}

/** What the file system refuses, as a fault. */
async function written<T>(paths: RuntimePaths, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isErrno(error)) throw error;
    throw new KubeletError(
      `Cannot prepare embedded containerd under ${paths.home}: ${error.message}; the root directory must be writable and have space`,
      { code: "file-failed", path: error.path ?? paths.home, errno: error.code },
      { cause: error },
    );
  }
}

const isErrno = (error: unknown): error is Error & { readonly code: string; readonly path?: string } =>
  error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";

/** Takes over what runs with the same configuration and answers; stops what runs otherwise. */
async function tryAdopt(
  supervisor: Supervisor,
  configHash: string,
  paths: RuntimePaths,
  { clock, log, probe }: EmbeddedDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const running = findRunning(paths);
  if (!running) {
    dropStateOfEarlierBoot(paths, log);
    return false;
  }
  const { pid } = running;
  const reason =
    running.configHash === configHash ? await unfit(paths, probe, signal) : "its configuration or program has changed";
  if (reason === undefined) {
    log.info("Took over running containerd", { pid });
    await supervisor.takeOver(adoptContainerd(running, paths, clock, signal), signal);
    return true;
  }
  log.info("Restarting embedded containerd, containers go on", { pid, reason });
  await stopProcess(running, clock, signal);
  return false;
}

async function unfit(
  paths: RuntimePaths,
  probe: EmbeddedDeps["probe"],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!(await listens(paths.socket))) return "its socket does not listen";
  try {
    await probe(paths.endpoint, signal);
    return undefined;
  } catch {
    signal.throwIfAborted();
    return "it does not answer";
  }
}

/** Bundles and sockets of shims that a reboot ended would only be tried in vain. Never with something mounted inside: that could be a pod's host path. */
function dropStateOfEarlierBoot(paths: RuntimePaths, log: Log): void {
  const last = readRecord(paths.pidFile);
  if (!last || last.bootId === bootId() || mountsBelow(paths.state).length > 0) return;
  log.info("Dropped runtime state of an earlier boot", { path: paths.state });
  rmSync(paths.state, { recursive: true, force: true });
}

const IMPORT_STEP = millis(10);
const IMPORT_STEPS = 1000;

async function ensureImage(
  binaries: Binaries,
  facts: Facts,
  paths: RuntimePaths,
  { clock, hasImage, log }: EmbeddedDeps,
  signal: AbortSignal,
): Promise<void> {
  if (await hasImage(paths.endpoint, PAUSE_IMAGE, signal)) return;
  // The transfer service of 2.x, which ctr would use, unpacks into its own choice of snapshotter.
  const local = atLeast(facts.version, 1, 7) ? ["--local"] : [];
  const args = ["-a", paths.socket, "-n", "k8s.io", "images", "import", ...local, "--snapshotter", facts.snapshotter];
  await runOk(binaries.ctr, [...args, paths.pauseArchive], signal);
  // CRI learns of it by an event.
  for (let step = 0; step < IMPORT_STEPS; step++) {
    if (await hasImage(paths.endpoint, PAUSE_IMAGE, signal)) {
      log.debug(2, "Imported pause image", { image: PAUSE_IMAGE });
      return;
    }
    await clock.sleep(IMPORT_STEP, signal);
  }
  throw new Error(`Imported ${PAUSE_IMAGE}, but CRI does not show it after 10 s`);
}

function refuseBadRoot(rootDir: string, paths: RuntimePaths): void {
  const refuse = (text: string) =>
    new KubeletError(`Cannot start embedded containerd: ${text}`, {
      code: "start-refused",
      what: "embedded containerd",
    });
  if (!isAbsolute(rootDir)) throw refuse(`root directory "${rootDir}" is not an absolute path`);
  const over = Buffer.byteLength(paths.ttrpcSocket) - SOCKET_PATH_MAX;
  if (over > 0)
    throw refuse(`root directory "${rootDir}" is ${over} bytes too long for the sockets below it; use a shorter one`);
}

function makeFolders(paths: RuntimePaths): void {
  mkdirSync(paths.home, { recursive: true, mode: 0o711 });
  for (const folder of [paths.certs, paths.cniBin, paths.cniConf, paths.cniNetworks])
    mkdirSync(folder, { recursive: true, mode: 0o755 });
}

function writeFiles(binaries: Binaries, config: string, paths: RuntimePaths): void {
  writeIfChanged(paths.config, config);
  for (const [name, target] of Object.entries(binaries.cniPlugins)) link(target, join(paths.cniBin, name));
  writeIfChanged(paths.pauseArchive, pauseArchive(process.arch === "arm64" ? "arm64" : "amd64"));
}

function writeIfChanged(path: string, content: string | Uint8Array): void {
  if (existsSync(path) && Buffer.from(content).equals(readFileSync(path))) return;
  const draft = join(dirname(path), `.new-${process.pid}`);
  writeFileSync(draft, content, { mode: 0o644 });
  renameSync(draft, path);
}

function link(target: string, path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && readlinkSync(path) === target) return;
  if (there) rmSync(path);
  symlinkSync(target, path);
}

/** Bit 24 of the effective set (capability.h): may lower an oom_score_adj below what it was started with. */
export function hasSysResource(status: string): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex !== undefined && ((BigInt(`0x${hex}`) >> 24n) & 1n) === 1n;
}
