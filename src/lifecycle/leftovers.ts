import { join } from "node:path";
import { isInside } from "../base/inside.ts";
import { parsePodLogDirectoryName, podsDirectory } from "../model/names.ts";
import type { Files } from "../ports/files.ts";

export interface LeftoverDeps {
  readonly files: Files;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly containerLogsDir: string;
  readonly cgroups: { list(): Promise<readonly string[]> };
}

/**
 * UIDs of every pod that left something on this node outside the runtime: directories, cgroups, logs. A kubelet killed between two
 * steps of a clean-up leaves such, and so does a pod whose manifest went while no kubelet ran.
 */
export async function uidsOnDisk(deps: LeftoverDeps): Promise<readonly string[]> {
  const [directories = [], logs = [], cgroups] = await Promise.all([
    deps.files.list(podsDirectory(deps.rootDir)),
    deps.files.list(deps.podLogsDir),
    deps.cgroups.list(),
  ]);
  const logged = logs.flatMap((name) => parsePodLogDirectoryName(name)?.uid ?? []);
  return [...new Set([...directories, ...cgroups, ...logged])];
}

/** Removes links in the shippers' folder whose log is gone. */
export async function removeDeadLinks({ files, containerLogsDir, podLogsDir }: LeftoverDeps): Promise<void> {
  for (const name of (await files.list(containerLogsDir)) ?? []) {
    const link = join(containerLogsDir, name);
    const target = await files.readlink(link);
    if (target === undefined || !isInside(podLogsDir, target)) continue;
    if ((await files.statFollow(link)) === undefined) await files.removeFile(link);
  }
}
