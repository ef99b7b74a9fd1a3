import { execFile } from "node:child_process";

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a short program to its end; any exit code is an answer. Throws when it can't be started, `signal.reason` when aborted. */
export async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<RunResult> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  execFile(program, args, { signal, maxBuffer: 16 << 20, encoding: "utf8" }, (error, stdout, stderr) => {
    if (signal.aborted) reject(signal.reason);
    else if (error && typeof error.code !== "number" && error.signal == null) reject(error);
    else resolve({ code: error ? (typeof error.code === "number" ? error.code : 128) : 0, stdout, stderr });
  });
  return promise;
}

/** As `run`, but anything other than exit code 0 is an Error with what the program said. */
export async function runOk(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, signal);
  if (code === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${(stderr || stdout).trim().slice(-500)}`);
}
