import { dirname, join } from "node:path";
import { isInside } from "../base/inside.ts";
import type { Log } from "../base/log.ts";
import { containerLogLink, parsePodLogDirectoryName, podDirectory } from "../model/names.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { Files } from "../ports/files.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { PodIntent } from "./intent.ts";

export interface FinishDeps {
  readonly runtime: Pick<Runtime, "stopSandbox" | "removeSandbox" | "removeContainer">;
  readonly files: Files;
  readonly rootDir: string;
  readonly podLogsDir: string;
  /** Where log links for shippers are; /var/log/containers on a usual node. */
  readonly containerLogsDir: string;
  readonly cgroups: { remove(uid: string): Promise<void> };
  readonly volumes: { tearDown(uid: string, signal: AbortSignal): Promise<void> };
  readonly desk: { forget(uid: string): void };
  readonly see: (uid: string) => PodSnapshot | undefined;
  readonly log: Log;
}

/**
 * Removes all that is left of a pod whose containers have stopped: dead containers, sandboxes (their network first), volumes, cgroup,
 * directories, logs. In this order, so that a crash on the way leaves what the next start finds again.
 */
export async function finishPod(
  intent: PodIntent,
  stopped: ReadonlySet<string>,
  deps: FinishDeps,
  signal: AbortSignal,
): Promise<void> {
  const { uid } = intent;
  const seen = deps.see(uid);
  deps.desk.forget(uid);
  for (const { id } of seen?.containers ?? []) await removeContainer(uid, id, deps, signal);
  for (const { id } of seen?.sandboxes ?? []) await removeSandbox(id, stopped, deps.runtime, signal);
  await releasePod(uid, deps, signal);
  await deps.files.removeTree(podDirectory(deps.rootDir, uid));
  for (const name of (await deps.files.list(deps.podLogsDir)) ?? []) {
    if (parsePodLogDirectoryName(name)?.uid === uid) await deps.files.removeTree(join(deps.podLogsDir, name));
  }
}

/** Takes down what a pod that runs no more holds of the node: its volumes and its cgroup. */
export async function releasePod(
  uid: string,
  { volumes, cgroups }: Pick<FinishDeps, "volumes" | "cgroups">,
  signal: AbortSignal,
): Promise<void> {
  await volumes.tearDown(uid, signal);
  await cgroups.remove(uid);
}

/** Only a completed stop gives the network's address back: one that nobody saw completed is done once more. */
export async function removeSandbox(
  id: string,
  stopped: ReadonlySet<string>,
  runtime: FinishDeps["runtime"],
  signal: AbortSignal,
): Promise<void> {
  if (!stopped.has(id)) await runtime.stopSandbox(id, signal);
  await runtime.removeSandbox(id, signal);
}

/** A dead container with its logs and the link to them; the logs first, so that none is left without its container. */
export async function removeContainer(
  uid: string,
  id: string,
  deps: Pick<FinishDeps, "runtime" | "files" | "see" | "podLogsDir" | "containerLogsDir">,
  signal: AbortSignal,
): Promise<void> {
  const seen = deps.see(uid);
  const container = seen?.containers.find((candidate) => candidate.id === id);
  // The path is the runtime's word: only what lies under our own log directory is ours to remove.
  if (seen && container && isInside(deps.podLogsDir, container.logPath)) {
    const directory = dirname(container.logPath);
    const base = container.logPath.slice(directory.length + 1);
    const files = (await deps.files.list(directory)) ?? [];
    for (const file of files) if (file.startsWith(base)) await deps.files.removeFile(join(directory, file));
    await deps.files.removeFile(containerLogLink(deps.containerLogsDir, seen, container.name, id));
  }
  await deps.runtime.removeContainer(id, signal);
}
