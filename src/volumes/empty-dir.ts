import { join } from "node:path";
import type { Log } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import { podPluginsDirectory, volumeDirectory } from "../model/names.ts";
import { uidOf } from "../model/pod.ts";
import { limitDeclared } from "../model/pod-level.ts";
import { podLimits } from "../model/pod-resources.ts";
import type { Files } from "../ports/files.ts";
import type { Mounts } from "../ports/mounts.ts";
import { giveToGroup } from "./ownership.ts";
import type { Volume, VolumePlugin } from "./plugin.ts";

export interface EmptyDirOptions {
  readonly rootDir: string;
  readonly facts: { readonly memoryBytes: number; readonly allocatableMemoryBytes?: number };
  /** tmpfs takes `noswap` here: memory-backed volumes hold secrets, so it is used whether or not swap is on. */
  readonly noswap: boolean;
}

export interface EmptyDirDeps {
  readonly files: Files;
  readonly mounts: Mounts;
  readonly log: Log;
}

const ANYONE = 0o777;

/** A directory of the pod's life, on disk or in memory. A marker beside it says that it was finished once. */
export function emptyDir(options: EmptyDirOptions, deps: EmptyDirDeps): VolumePlugin<"emptyDir"> {
  const { files, mounts } = deps;

  async function isReady(volume: Volume<"emptyDir">, path: string, marker: string): Promise<boolean> {
    if ((await files.stat(marker))?.kind !== "file") return false;
    if (volume.medium === "disk") return (await files.stat(path))?.kind === "directory";
    // After a reboot the marker is there, the tmpfs is not. The list shows real paths: rootDir may be a symlink of the operator.
    const below = path.slice(options.rootDir.length);
    return (await mounts.list(path)).some(({ target, type }) => type === "tmpfs" && target.endsWith(below));
  }

  return {
    async setUp(pod, volume) {
      const uid = uidOf(pod);
      const path = volumeDirectory(options.rootDir, uid, "empty-dir", volume.name);
      const ready = join(podPluginsDirectory(options.rootDir, uid), "kubernetes.io~empty-dir", volume.name);
      const marker = join(ready, "ready");
      if (await isReady(volume, path, marker)) return path;
      await files.makeDirectory(path, ANYONE);
      // Also where it was there: a crash may have come between making it and opening it to everyone.
      await files.chmod(path, ANYONE);
      if (volume.medium === "memory") await mounts.mountTmpfs(path, tmpfsOptions(pod, volume, options));
      const fsGroup = pod.spec?.securityContext?.fsGroup;
      if (fsGroup !== undefined) await giveToGroup(path, { fsGroup, readonly: false }, deps);
      await files.makeDirectory(ready, 0o750);
      await files.writeInPlace(marker, "", 0o644);
      return path;
    },
  };
}

/** No more than the pod may use, and than all pods may; without a size tmpfs would take half of the machine's memory. */
export function tmpfsOptions(pod: Pod, { sizeLimit }: Volume<"emptyDir">, options: EmptyDirOptions): readonly string[] {
  const whole = options.facts.allocatableMemoryBytes ?? options.facts.memoryBytes;
  const podLimit = limitDeclared(pod, "memory") ? podLimits(pod).memory : undefined;
  const size = Math.min(...[whole, podLimit, sizeLimit].map((bytes) => bytes || Number.POSITIVE_INFINITY));
  return [...(Number.isFinite(size) ? [`size=${size}`] : []), ...(options.noswap ? ["noswap"] : [])];
}
