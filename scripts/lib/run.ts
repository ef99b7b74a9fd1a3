/** Child processes of scripts and tests: run to the end, capture output, fail with everything a reader needs. */
import { type ChildProcess, spawn } from "node:child_process";

/** What a finished child left: text of both streams and its exit code (128 + signal number is not mapped: `signal` tells). */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to the child's standard input, which is closed after. */
  readonly input?: string | Uint8Array;
  /** Milliseconds after which the child is killed and the call fails. */
  readonly timeout?: number;
  /** "inherit" shows the child's output as it comes instead of capturing it. */
  readonly output?: "capture" | "inherit";
}

/** Runs a program to its end, whatever its exit code. Throws only when it could not be started or ran out of time. */
export function tryRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const inherit = options.output === "inherit";
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [
      options.input === undefined ? "ignore" : "pipe",
      inherit ? "inherit" : "pipe",
      inherit ? "inherit" : "pipe",
    ],
  });
  let stdout = "";
  let stderr = "";
  let late = false;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A child may exit without reading its input; the exit code tells more than EPIPE.
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input);
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          child.kill("SIGKILL");
        }, options.timeout);
  child.on("error", (error) => {
    clearTimeout(timer);
    reject(new Error(`start ${command}: ${error.message}`, { cause: error }));
  });
  child.on("close", (code, signal) => {
    clearTimeout(timer);
    if (late) reject(new Error(`${shown(command, args)} did not end within ${options.timeout} ms; killed\n${stderr}`));
    else resolve({ code, signal, stdout, stderr });
  });
  return promise;
}

/** Runs a program that must succeed and returns its standard output. The error carries command, code and output. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const done = await tryRun(command, args, options);
  if (done.code === 0) return done.stdout;
  const how = done.signal === null ? `exit code ${done.code}` : `signal ${done.signal}`;
  throw new Error(`${shown(command, args)} failed with ${how}\n${done.stderr || done.stdout}`.trimEnd());
}

/** Command and arguments by which a program dies with the process that starts it, also when that is killed and cannot clean up (prctl(2), PR_SET_PDEATHSIG). */
export function dyingWithUs(file: string, args: readonly string[]): readonly [string, readonly string[]] {
  return ["setpriv", ["--pdeathsig", "KILL", "--", file, ...args]];
}

/** Asks a child to end, kills it when it does not, and resolves when it is gone. A child that has ended is fine. */
export async function stopChild(child: ChildProcess, grace = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), grace);
  await gone;
  clearTimeout(timer);
}

function shown(command: string, args: readonly string[]): string {
  return [command, ...args].join(" ");
}
