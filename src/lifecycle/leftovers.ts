import { join } from "node:path";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { parsePodLogDirectoryName, podsDirectory } from "../model/names.ts";
import { type FinishDeps, removePodFiles } from "./finish.ts";

export interface LeftoverDeps
  extends Pick<FinishDeps, "volumes" | "files" | "rootDir" | "podLogsDir" | "containerLogsDir"> {
  readonly cgroups: FinishDeps["cgroups"] & { list(): Promise<readonly string[]> };
  /** Whether somebody still works on this UID: a worker, a source or the runtime. */
  readonly isKnown: (uid: string) => boolean;
  readonly log: Log;
}

/**
 * Removes what pods left behind that nobody knows any more: directories, cgroups, logs, links to logs that are gone. A kubelet killed
 * between two steps of a clean-up leaves such; only to be called when every source has told its pods and the runtime was listed.
 */
export async function removeLeftovers(deps: LeftoverDeps, signal: AbortSignal): Promise<void> {
  const logs = ((await deps.files.list(deps.podLogsDir)) ?? []).map(parsePodLogDirectoryName);
  const names = new Map(logs.flatMap((pod) => (pod ? [[pod.uid, pod] as const] : [])));
  const uids = new Set([
    ...((await deps.files.list(podsDirectory(deps.rootDir))) ?? []),
    ...(await deps.cgroups.list()),
    ...names.keys(),
  ]);
  for (const uid of uids) {
    if (deps.isKnown(uid)) continue;
    try {
      await removePodFiles(uid, names.get(uid), deps, signal);
      deps.log.info("Removed what a pod left behind", { uid });
    } catch (error) {
      signal.throwIfAborted();
      deps.log.error("Cannot remove what a pod left behind, will try again", { uid, err: messageOf(error) });
    }
  }
  await removeDeadLinks(deps);
}

async function removeDeadLinks({ files, containerLogsDir, podLogsDir }: LeftoverDeps): Promise<void> {
  for (const name of (await files.list(containerLogsDir)) ?? []) {
    const link = join(containerLogsDir, name);
    const target = await files.readlink(link);
    if (!target?.startsWith(`${podLogsDir}/`)) continue;
    if ((await files.statFollow(link)) === undefined) await files.removeFile(link);
  }
}
