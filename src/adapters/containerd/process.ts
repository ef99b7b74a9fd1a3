import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { connect } from "node:net";
import { messageOf } from "../../base/fault.ts";
import { millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { type Identity, identify, isAlive } from "./identity.ts";
import { openLog } from "./log-file.ts";
import type { RuntimePaths } from "./paths.ts";

/** A containerd that runs, ours or adopted. It outlives the kubelet in any case. */
export interface ContainerdProcess {
  readonly identity: Identity;
  /** Resolves when it has ended, with how; never rejects. Stays pending after the signal was aborted. */
  readonly ended: Promise<string>;
}

export interface SpawnPlan {
  readonly program: string;
  readonly args: readonly string[];
  readonly path: string;
}

/** Handed on to containerd: where images come from may depend on them. Nothing else of our environment is its business. */
const INHERITED = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "TMPDIR"];

/**
 * Starts containerd in a session of its own with its output in a file, so that it survives this process.
 *
 * @throws Error when the program can't be started
 */
export async function spawnContainerd(plan: SpawnPlan, paths: RuntimePaths): Promise<ContainerdProcess> {
  const log = openLog(paths.log);
  try {
    const inherited = INHERITED.map((name) => [name, process.env[name]] as const).filter(
      ([, value]) => value !== undefined,
    );
    const child = spawn(plan.program, plan.args, {
      cwd: "/",
      env: { PATH: plan.path, ...Object.fromEntries(inherited) },
      detached: true,
      stdio: ["ignore", log, log],
    });
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    child.once("exit", (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`));
    const { promise: started, resolve: onStart, reject: onError } = Promise.withResolvers<void>();
    child.once("spawn", onStart);
    child.once("error", onError);
    await started;
    child.unref();
    const pid = child.pid ?? 0;
    // A program that is already gone has no start time; its exit event tells the rest.
    return { identity: identify(pid) ?? { pid, startTime: "gone" }, ended };
  } finally {
    closeSync(log);
  }
}

const RECHECK = millis(200);

/** Takes over a containerd that another kubelet process started. */
export function adoptContainerd(
  identity: Identity,
  paths: RuntimePaths,
  clock: Clock,
  signal: AbortSignal,
): ContainerdProcess {
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const watch = async () => {
    while (isAlive(identity)) {
      await connectionEnd(paths.ttrpcSocket, signal);
      await clock.sleep(RECHECK, signal);
    }
    resolve("gone");
  };
  watch().catch((error: unknown) => {
    if (!signal.aborted) resolve(messageOf(error));
  });
  return { identity, ended };
}

/** The ttrpc socket bears an idle connection for ever, so its end tells at once that the other side has died. Not a child: no exit event. */
async function connectionEnd(socketPath: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(socketPath);
  const onAbort = () => socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", () => {});
  socket.once("close", () => resolve());
  socket.unref();
  socket.resume();
  await promise;
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
}

/** Whether somebody listens on the socket. */
export async function listens(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(socketPath);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}

const STOP_STEP = millis(20);
const STOP_STEPS = 500;

/** SIGTERM, then SIGKILL after 10 s; resolves when it is gone. Shims and containers go on. */
export async function stopProcess(identity: Identity, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let step = 0; isAlive(identity); step++) {
    if (step === 0) process.kill(identity.pid, "SIGTERM");
    if (step === STOP_STEPS) process.kill(identity.pid, "SIGKILL");
    await clock.sleep(STOP_STEP, signal);
  }
}
