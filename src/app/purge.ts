import { existsSync } from "node:fs";
import { stopEmbedded } from "../adapters/containerd/index.ts";
import { createClock, createFiles, createLog, createMounts, lockRootDirectory } from "../adapters/linux/index.ts";
import { KubeletError } from "../base/fault.ts";

/**
 * Ends the pods of a root directory with the private containerd that runs them, and removes the directory.
 * @throws KubeletError where a kubelet runs on it, or where its pods are in a runtime that is not its own
 */
export async function purgeHere(rootDir: string, signal: AbortSignal): Promise<readonly string[]> {
  if (!existsSync(rootDir)) return [`${rootDir} is not there`];
  if (existsSync(`${rootDir}/pods`) && !existsSync(`${rootDir}/runtime`)) {
    throw new KubeletError(
      `Cannot purge ${rootDir}: its pods are in a container runtime that is not the kubelet's own; end them there first (crictl rmp -fa), then remove it`,
      { code: "file-failed", path: rootDir, errno: "EBUSY" },
    );
  }
  const problems: string[] = [];
  const log = createLog({ format: "text", verbosity: 0, write: (line) => problems.push(line.trim()) });
  {
    using _lock = await lockRootDirectory(rootDir);
    await stopEmbedded(rootDir, { log, clock: createClock() }, signal);
    for (const { target } of await createMounts().list(rootDir)) await createMounts().unmount(target, true);
  }
  // The pods first: without the runtime beside them they would look like another's to whoever tries again after this was cut short.
  for (const path of [`${rootDir}/pods`, rootDir]) await createFiles().removeTree(path);
  return ["ended all pods", ...problems, `removed ${rootDir}`];
}
