import { isAbsolute } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createHttpServers } from "../adapters/http/index.ts";
import {
  createClock,
  createFiles,
  createLog,
  createRandom,
  type HostFacts,
  lockRootDirectory,
  waitForLockFile,
} from "../adapters/linux/index.ts";
import { isJournal } from "../adapters/linux/journal.ts";
import { KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { KubeletConfig } from "../config/index.ts";
import { openHealthPort } from "../server/index.ts";
import { managerEnvHere, openTold } from "./told.ts";

/** Bytes. */
const LONGEST_LOG_QUEUE = 1024 * 1024;

/**
 * Runs the kubelet until the signal aborts. The health port opens first of all; the code of the node, which is most of it, is loaded after that.
 * @throws KubeletError where the node can't be started
 */
export async function runKubelet(config: KubeletConfig, host: HostFacts, signal: AbortSignal): Promise<never> {
  refuseUser(host);
  refuseSwap(config, host.swapOn);
  refuseRelativeRoot(config);
  const managerEnv = managerEnvHere();
  const log = logFor(config);
  // Without a listener a log reader that goes away would end the node.
  process.stderr.on("error", () => {});
  const clock = createClock();
  await using scope = new AsyncDisposableStack();
  const { healthzBindAddress, healthzPort } = config.kubelet;
  if (healthzPort > 0) {
    const at = { host: healthzBindAddress, port: healthzPort };
    const opening = openHealthPort(at, { http: createHttpServers(log), clock, log }, signal);
    opening.then((listener) => scope.use(listener)).catch(() => {});
  }
  for (const warning of config.warnings) log.warn(warning);
  const { rootDir, lockFile } = config.flags;
  const files = createFiles();
  await files.makeDirectory(rootDir, 0o750);
  scope.use(await lockRootDirectory(rootDir));
  const told = await openTold(managerEnv, { clock, log }, signal);
  if (lockFile) {
    told?.status(`Waiting for the lock file ${lockFile}`);
    scope.use(await waitForLockFile(lockFile, signal));
  }
  told?.status("Starting");
  // Loading blocks for some 20 ms: whoever asked for our health by now is answered first.
  await nextTurn();
  const { runNode } = await import("./node.ts");
  return await runNode(config, { host, clock, random: createRandom(), files, log, logProblem, told }, signal);
}

function refuseUser({ root }: HostFacts): void {
  if (root) return;
  throw new KubeletError(
    "Cannot run as an ordinary user: a kubelet mounts, makes cgroups and networks; start it as root",
    { code: "start-refused", what: "user" },
  );
}

/** Mounts, sockets and the runtime's paths would each be meant for another place once the working directory differs. */
function refuseRelativeRoot({ flags: { rootDir } }: KubeletConfig): void {
  if (isAbsolute(rootDir)) return;
  throw new KubeletError(`Cannot use root directory ${rootDir}: --root-dir must be an absolute path`, {
    code: "start-refused",
    what: "root directory",
  });
}

function refuseSwap(config: KubeletConfig, swapOn: boolean): void {
  if (!swapOn || !config.kubelet.failSwapOn) return;
  throw new KubeletError(
    "Cannot run with swap on: failSwapOn is true; turn swap off (swapoff -a) or set failSwapOn: false",
    { code: "start-refused", what: "swap" },
  );
}

/** A reader that went away, or one that does not read: lines are lost or pile up, and the node goes on. */
function logProblem(): string | undefined {
  const { stderr } = process;
  if (stderr.errored) return `log lines are lost: ${stderr.errored.message}`;
  return stderr.writableLength > LONGEST_LOG_QUEUE ? "nobody reads the log" : undefined;
}

function logFor({ kubelet: { logging } }: KubeletConfig): Log {
  return createLog({
    format: logging.format === "json" ? "json" : "text",
    verbosity: logging.verbosity,
    journal: isJournal(process.env),
    write: (line) => process.stderr.write(line),
  });
}
