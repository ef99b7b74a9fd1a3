import { type ChildProcess, spawn } from "node:child_process";
import type { ExecPlugin } from "../../model/api-user.ts";

const TIME_LIMIT_MS = 60_000;
const MAX_OUTPUT = 1024 * 1024;
/** Of what it writes to stderr, the end is shown. */
const MAX_COMPLAINT = 1000;

/**
 * Runs a credential plugin in a process group of its own and returns what it printed. It gets the kubelet's environment, that of the
 * kubeconfig, and KUBERNETES_EXEC_INFO; no stdin.
 * @throws Error that says what happened, made to follow the plugin's name; `signal.reason` on abort
 */
export async function runExecPlugin(plugin: ExecPlugin, info: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const env = { ...process.env, ...Object.fromEntries(plugin.env.map(({ name, value }) => [name, value])) };
  const child = spawn(plugin.command, [...plugin.args], {
    env: { ...env, KUBERNETES_EXEC_INFO: info },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (why: unknown) => {
    reject(why);
    killGroup(child);
  };
  const onAbort = () => fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => fail(new Error(`has not finished within ${TIME_LIMIT_MS / 1000} s and was killed`)),
    TIME_LIMIT_MS,
  );
  const output: Buffer[] = [];
  let size = 0;
  let complaint = "";
  child.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_OUTPUT) fail(new Error(`printed more than ${MAX_OUTPUT} bytes and was killed`));
    else output.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString("utf8")).slice(-MAX_COMPLAINT)));
  child.on("error", (error: NodeJS.ErrnoException) => reject(new Error(notStarted(error, plugin), { cause: error })));
  child.on("close", (code, killer) => {
    if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
    else
      reject(
        new Error(
          `${killer === null ? `failed with exit code ${code}` : `was killed by ${killer}`}${saying(complaint)}`,
        ),
      );
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/** It and what it started: a child that keeps the pipe open would keep us waiting. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function notStarted({ code, message }: NodeJS.ErrnoException, { installHint }: ExecPlugin): string {
  if (code === "E2BIG") return "can't be started: KUBERNETES_EXEC_INFO is too long; set provideClusterInfo to false";
  if (code === "EACCES") return "can't be started: it is not executable";
  if (code !== "ENOENT") return `can't be started: ${message}`;
  const hint = installHint === "" ? "" : `: ${installHint}`;
  return `is not installed, or not in the PATH of the kubelet; install it, or give its whole path${hint}`;
}

const saying = (complaint: string): string => {
  const text = complaint.trim().replace(/\s+/g, " ");
  return text === "" ? "" : `, saying ${JSON.stringify(text)}`;
};
