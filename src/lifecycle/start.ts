import { dirname, join } from "node:path";
import { KubeletError, runtimeText } from "../base/fault.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { after, type Millis } from "../base/units.ts";
import type { ImageState } from "../images/index.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { containerDirectory, containerLogLink, podLogDirectory } from "../model/names.ts";
import { nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import type { ContainerConfig, PodSnapshot, SandboxConfig, SandboxStatus } from "../model/runtime.ts";
import { containerSubject } from "../model/subject.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { Files } from "../ports/files.ts";
import type { Random } from "../ports/random.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Memory } from "./memory.ts";
import type { Step } from "./step.ts";

type ReadyImage = Extract<ImageState, { kind: "ready" }>;

/** What a container's configuration is built from, beside the pod. */
export interface ContainerFacts {
  readonly attempt: number;
  readonly image: ReadyImage;
  readonly volumes: ReadonlyMap<string, string>;
  readonly sandbox: SandboxStatus;
  /** Host path of the empty termination message file; undefined when it could not be made. */
  readonly terminationLog: string | undefined;
  /** Everything seen of the pod. */
  readonly seen: PodSnapshot;
}

export interface StartDeps {
  readonly runtime: Pick<Runtime, "createContainer" | "startContainer">;
  readonly files: Files;
  readonly events: Events;
  readonly clock: Clock;
  readonly random: Random;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly containerLogsDir: string;
  readonly see: (uid: string) => PodSnapshot | undefined;
  readonly know: (id: string, uid: string) => void;
  readonly image: (uid: string, container: Container, attempt: number) => ImageState | undefined;
  readonly sandboxConfig: (pod: Pod, attempt: number) => Promise<SandboxConfig>;
  /** Also prepares what the configuration refers to: hosts file, subPath binds. @throws KubeletError "waiting" */
  readonly containerConfig: (
    pod: Pod,
    container: Container,
    facts: ContainerFacts,
    signal: AbortSignal,
  ) => Promise<ContainerConfig>;
  /** A start failed: the image may be gone meanwhile, look at it anew. */
  readonly dropImage: (uid: string, container: string) => void;
  /** Wait before the next try of a start that failed. */
  readonly startRetry: () => Millis;
}

/**
 * Creates and starts one container. What keeps this container from starting is kept in `memory` (its status shows it) and not thrown:
 * the pod's other containers go on. Thrown is what concerns the whole runtime.
 */
export async function startContainer(
  pod: Pod,
  step: Extract<Step, { kind: "start-container" }>,
  memory: Memory,
  deps: StartDeps,
  signal: AbortSignal,
): Promise<void> {
  const { container, attempt, finishedAt } = step;
  const uid = uidOf(pod);
  const image = deps.image(uid, container, attempt);
  const seen = deps.see(uid);
  const sandbox = seen?.sandboxes[0];
  if (image?.kind !== "ready" || !seen || !sandbox) return; // The plan is older than what is seen now: plan again.
  memory.failures.delete(container.name);
  if (finishedAt !== undefined) memory.advance(container, finishedAt);
  if (image.note !== undefined) note(pod, container, "Normal", "Pulled", image.note, deps);
  let reason = "CreateContainerConfigError";
  try {
    const terminationLog = terminationLogPath(uid, container, deps);
    const facts = { attempt, image, volumes: memory.volumes, sandbox, terminationLog, seen };
    const [config, sandboxConfig] = await sideBySide([
      deps.containerConfig(pod, container, facts, signal),
      configureSandbox(pod, container, sandbox, deps),
      terminationLog === undefined ? undefined : makeTerminationLog(terminationLog, deps),
    ]);
    reason = "CreateContainerError";
    const id = await deps.runtime.createContainer(sandbox.id, config, sandboxConfig, signal);
    deps.know(id, uid);
    note(pod, container, "Normal", "Created", "Container created", deps);
    reason = "RunContainerError";
    await deps.runtime.startContainer(id, signal);
    note(pod, container, "Normal", "Started", "Container started", deps);
    await linkLog(pod, container, attempt, id, deps);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeletError) || error.fault.code === "runtime-unavailable") throw error;
    const shown = error.fault.code === "waiting" ? error.fault.reason : reason;
    const message = runtimeText(error);
    deps.dropImage(uid, container.name);
    memory.fail(container.name, { reason: shown, message }, after(deps.clock.monotonic(), deps.startRetry()));
    note(pod, container, "Warning", "Failed", `Error: ${message}`, deps);
  }
}

/** What the sandbox was made with, and the directory of the container's logs in it. */
async function configureSandbox(
  pod: Pod,
  container: Container,
  sandbox: SandboxStatus,
  deps: StartDeps,
): Promise<SandboxConfig> {
  const config = await deps.sandboxConfig(pod, sandbox.metadata.attempt);
  await deps.files.makeDirectory(join(config.logDirectory, container.name), 0o755);
  return config;
}

function terminationLogPath(uid: string, container: Container, { rootDir, random }: StartDeps): string | undefined {
  if (!container.terminationMessagePath) return undefined;
  return join(containerDirectory(rootDir, uid, container.name), random.hex(8));
}

/** A new file for each instance, which anyone in the container may write. */
async function makeTerminationLog(path: string, { files }: StartDeps): Promise<void> {
  await files.makeDirectory(dirname(path), 0o750);
  await files.writeInPlace(path, "", 0o666);
}

/** For log shippers of other makers, who look in one flat folder. */
async function linkLog(pod: Pod, container: Container, attempt: number, id: string, deps: StartDeps): Promise<void> {
  const name = { name: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) };
  const target = join(podLogDirectory(deps.podLogsDir, name), container.name, `${attempt}.log`);
  const link = containerLogLink(deps.containerLogsDir, name, container.name, id);
  try {
    // The directory is there and the link is not, but for the first container of all.
    if (await isDone(deps.files.symlink(target, link))) return;
    await deps.files.makeDirectory(deps.containerLogsDir, 0o755);
    await deps.files.removeFile(link);
    await deps.files.symlink(target, link);
  } catch (error) {
    if (!(error instanceof KubeletError)) throw error;
    note(pod, container, "Warning", "Failed", `Log link not made: ${error.message}`, deps);
  }
}

const isDone = (attempt: Promise<void>): Promise<boolean> =>
  attempt.then(
    () => true,
    (error: unknown) => {
      if (error instanceof KubeletError) return false;
      throw error;
    },
  );

function note(
  pod: Pod,
  container: Container,
  type: "Normal" | "Warning",
  reason: string,
  message: string,
  deps: StartDeps,
): void {
  deps.events.record({ type, reason, message, about: containerSubject(pod, container.name) });
}
