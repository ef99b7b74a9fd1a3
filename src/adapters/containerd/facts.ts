import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KubeletError, messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { sideBySide } from "../../base/side-by-side.ts";
import type { Binaries } from "./binaries.ts";
import { bootId } from "./identity.ts";
import type { RuntimePaths } from "./paths.ts";
import { run } from "./run.ts";
import { type ContainerdVersion, parseContainerdVersion } from "./version.ts";

/** What only a try can tell about this machine. */
export interface Facts {
  readonly version: ContainerdVersion;
  readonly snapshotter: "overlayfs" | "native";
  /** runc, or a crun that was accepted. */
  readonly ociRuntime: string;
}

interface Saved {
  readonly key: string;
  readonly facts: Facts;
}

/**
 * Finds the facts, or takes those of an earlier start when neither a program nor the kernel's boot has changed since: the tries
 * cost some 100 ms, more than all else before a kubelet is healthy.
 *
 * @throws KubeletError `start-refused` when containerd says no version or no OCI runtime can be used
 */
export async function gatherFacts(
  binaries: Binaries,
  paths: RuntimePaths,
  log: Log,
  signal: AbortSignal,
): Promise<Facts> {
  const key = JSON.stringify([bootId(), ...[binaries.containerd, ...binaries.ociRuntimes].map(fingerprint)]);
  const saved = readSavedFacts(paths.facts);
  if (saved?.key === key) return saved.facts;
  const [version, ociRuntime, overlay] = await sideBySide([
    askVersion(binaries.containerd, signal),
    chooseOciRuntime(binaries.ociRuntimes, log, signal),
    overlayProblem(paths.home, signal),
  ]);
  if (overlay !== undefined)
    log.warn("Overlayfs does not work under the root directory: images take more space and time", { err: overlay });
  const facts: Facts = { version, ociRuntime, snapshotter: overlay === undefined ? "overlayfs" : "native" };
  writeFileSync(paths.facts, JSON.stringify({ key, facts } satisfies Saved));
  return facts;
}

function fingerprint(path: string): readonly (string | number)[] {
  const { size, mtimeMs, ino } = statSync(path);
  return [path, size, mtimeMs, ino];
}

/** What an earlier start found out, also of another release; undefined where that is not enough for this one. */
export function readSavedFacts(path: string): Saved | undefined {
  try {
    const { key, facts } = JSON.parse(readFileSync(path, "utf8"));
    const { version, snapshotter, ociRuntime } = facts;
    const whole =
      typeof version.major === "number" &&
      typeof version.minor === "number" &&
      (snapshotter === "overlayfs" || snapshotter === "native") &&
      typeof ociRuntime === "string";
    return whole ? { key, facts } : undefined;
  } catch {
    return undefined; // absent or torn: found out again
  }
}

async function askVersion(containerd: string, signal: AbortSignal): Promise<ContainerdVersion> {
  const { stdout, stderr } = await run(containerd, ["--version"], signal);
  const version = parseContainerdVersion(stdout);
  if (version) return version;
  throw refused(
    `${containerd} --version says ${JSON.stringify((stdout || stderr).trim().slice(0, 200))}, no version; reinstall it`,
  );
}

/** runc as it comes. crun only from 1.9: older ones refuse the runtime spec that containerd 2.x writes. */
async function chooseOciRuntime(candidates: readonly string[], log: Log, signal: AbortSignal): Promise<string> {
  const reasons: string[] = [];
  for (const path of candidates) {
    const answer = await run(path, ["--version"], signal).catch((error: unknown) => ({
      code: 1,
      stdout: "",
      stderr: String(error),
    }));
    const problem = ociRuntimeProblem(answer);
    if (problem === undefined) return path;
    reasons.push(`${path} ${problem}`);
    log.warn("Cannot use OCI runtime", { path, reason: problem });
  }
  throw refused(`no usable OCI runtime: ${reasons.join("; ")}; on Debian: apt-get install runc`);
}

/** Why the program that answered `--version` so cannot run containers for us; undefined when it can. */
export function ociRuntimeProblem(answer: {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}): string | undefined {
  if (answer.code !== 0) return `does not run: ${answer.stderr.trim().slice(0, 200)}`;
  const crun = /^crun version (\d+)\.(\d+)/.exec(answer.stdout);
  if (!crun) return answer.stdout.startsWith("runc version ") ? undefined : "is neither runc nor crun";
  const [major = 0, minor = 0] = crun.slice(1).map(Number);
  return major > 1 || (major === 1 && minor >= 9) ? undefined : `is crun ${major}.${minor}; 1.9 or newer is needed`;
}

const OVERLAY_TRY = `
mount -t overlay overlay -o "lowerdir=$1/lower1:$1/lower2,upperdir=$1/upper,workdir=$1/work" "$1/merged" &&
test -e "$1/merged/a" && rm "$1/merged/a" && test ! -e "$1/merged/a" && touch "$1/merged/c"`;

/** Mounts an overlay in a mount namespace that ends with its shell, so nothing stays mounted. undefined: works. */
async function overlayProblem(home: string, signal: AbortSignal): Promise<string | undefined> {
  const folder = mkdtempSync(join(home, ".overlay-"));
  try {
    for (const name of ["lower1", "lower2", "upper", "work", "merged"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "lower1/a"), "");
    const probe = ["--mount", "sh", "-c", OVERLAY_TRY, "sh", folder];
    const { code, stderr } = await run("unshare", probe, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      return { code: 1, stderr: `cannot be tried out: ${messageOf(error)}` };
    });
    return code === 0 ? undefined : stderr.trim() || `probe ended with ${code}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const refused = (text: string): KubeletError =>
  new KubeletError(`Cannot start embedded containerd: ${text}`, { code: "start-refused", what: "embedded containerd" });
