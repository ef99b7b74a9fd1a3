import { isFault, KubeletError, messageOf, unreachable } from "../base/fault.ts";
import { goDuration } from "../base/go-duration.ts";
import { type Millis, seconds } from "../base/units.ts";
import type { Container, Probe } from "../model/kubernetes.ts";
import type { HttpProbeAnswer, ProbeNetwork } from "../ports/probing.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type ProbeRequest, requestOf } from "./request.ts";

/** One answer to a probe. `error`: it could not be asked, which says nothing of the container. */
export interface Answer {
  readonly kind: "success" | "warning" | "failure" | "error";
  /** Text for the event; "" where there is none. */
  readonly output: string;
}

export interface AskDeps {
  readonly network: ProbeNetwork;
  readonly runtime: Pick<Runtime, "execSync">;
}

export interface Target {
  readonly container: Container;
  /** In the runtime. */
  readonly id: string;
  /** Of the pod, as far as it has one. */
  readonly address: string | undefined;
}

/** Tries in one round while the probe itself can't be asked. */
const TRIES = 3;
const OUTPUT_LIMIT = 10 * 1024;
const HEALTHY = "SERVING";

/** Asks once; again where nothing could be asked. Rejects with `signal.reason` only. */
export async function ask(probe: Probe, target: Target, deps: AskDeps, signal: AbortSignal): Promise<Answer> {
  let answer: Answer = { kind: "error", output: "" };
  for (let tries = 0; tries < TRIES; tries++) {
    answer = await askOnce(probe, target, deps, signal);
    if (answer.kind !== "error") break;
  }
  return answer;
}

async function askOnce(probe: Probe, target: Target, deps: AskDeps, signal: AbortSignal): Promise<Answer> {
  const timeout = seconds(probe.timeoutSeconds || 1);
  let request: ProbeRequest;
  try {
    request = requestOf(probe, target.container, target.address);
  } catch (error) {
    return { kind: "error", output: messageOf(error) };
  }
  if (request.kind === "exec") return runCommand(request.command, target.id, timeout, deps, signal);
  try {
    return await askNetwork(request, timeout, deps, signal);
  } catch (error) {
    signal.throwIfAborted();
    // Whoever does not answer has failed.
    return { kind: "failure", output: messageOf(error) };
  }
}

async function askNetwork(
  request: Exclude<ProbeRequest, { kind: "exec" }>,
  timeout: Millis,
  { network }: AskDeps,
  signal: AbortSignal,
): Promise<Answer> {
  switch (request.kind) {
    case "http":
      return judgeHttp(await network.http(request.probe, timeout, signal));
    case "tcp":
      await network.tcp(request.host, request.port, timeout, signal);
      return { kind: "success", output: "" };
    case "grpc": {
      const status = await network.grpc(request.host, request.port, request.service, timeout, signal);
      if (status === HEALTHY) return { kind: "success", output: "" };
      return { kind: "failure", output: `service unhealthy (responded with ${JSON.stringify(status)})` };
    }
    default:
      return unreachable(request);
  }
}

function judgeHttp({ status, body }: HttpProbeAnswer): Answer {
  // The text of a failure holds nothing of the body: whoever may read events may not be allowed to read that.
  if (status < 200 || status >= 400) return { kind: "failure", output: `HTTP probe failed with statuscode: ${status}` };
  if (status >= 300) return { kind: "warning", output: `Probe terminated redirects, Response body: ${body}` };
  return { kind: "success", output: body };
}

async function runCommand(
  command: readonly string[],
  id: string,
  timeout: Millis,
  { runtime }: AskDeps,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const { stdout, stderr, exitCode } = await runtime.execSync(id, command, timeout, signal);
    return { kind: exitCode === 0 ? "success" : "failure", output: textOf(stdout, stderr) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeletError)) throw error;
    if (!isFault(error, "runtime-timeout")) return { kind: "error", output: error.message };
    const text = JSON.stringify(command.join(" "));
    return { kind: "failure", output: `command timed out: ${text} timed out after ${goDuration(timeout)}` };
  }
}

function textOf(stdout: Uint8Array, stderr: Uint8Array): string {
  const both = new Uint8Array(Math.min(stdout.length + stderr.length, OUTPUT_LIMIT));
  both.set(stdout.subarray(0, both.length));
  if (stdout.length < both.length) both.set(stderr.subarray(0, both.length - stdout.length), stdout.length);
  return new TextDecoder().decode(both);
}
