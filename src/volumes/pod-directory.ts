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

export interface PodDirectoryOptions {
  readonly rootDir: string;
  readonly facts: { readonly memoryBytes: number; readonly allocatableMemoryBytes?: number };
  /** tmpfs takes `noswap` here: memory-backed volumes hold secrets, so it is used whether or not swap is on. */
  readonly noswap: boolean;
}

export interface PodDirectoryDeps {
  readonly files: Files;
  readonly mounts: Mounts;
  readonly log: Log;
}

/** A directory that lives as long as its pod. */
export interface PodDirectory {
  /** In the plugin's words: `empty-dir`, `configmap`, … */
  readonly kind: string;
  readonly volume: string;
  /** Name of the marker that says that it was finished once: upstream wraps what is not an emptyDir itself. */
  readonly marker: string;
  readonly medium: "disk" | "memory";
  /** Bytes; undefined: no limit of its own. */
  readonly sizeLimit: number | undefined;
}

const ANYONE = 0o777;

/** Makes it, on disk or in memory, unless it stands. A marker beside it says that it was finished once. Returns its path. */
export async function makePodDirectory(
  pod: Pod,
  wanted: PodDirectory,
  options: PodDirectoryOptions,
  deps: PodDirectoryDeps,
): Promise<string> {
  const { files, mounts } = deps;
  const uid = uidOf(pod);
  const path = volumeDirectory(options.rootDir, uid, wanted.kind, wanted.volume);
  const ready = join(podPluginsDirectory(options.rootDir, uid), "kubernetes.io~empty-dir", wanted.marker);
  const marker = join(ready, "ready");
  if (await isReady(path, marker, wanted.medium, options, deps)) return path;
  await files.makeDirectory(path, 0o750);
  // Also where it was there: a crash may have come between making it and opening it to everyone.
  await files.chmod(path, ANYONE);
  if (wanted.medium === "memory") await mounts.mountTmpfs(path, tmpfsOptions(pod, wanted, options));
  const fsGroup = pod.spec?.securityContext?.fsGroup;
  if (fsGroup !== undefined) await giveToGroup(path, { fsGroup, readonly: false }, deps);
  await files.makeDirectory(ready, 0o750);
  await files.writeInPlace(marker, "", 0o644);
  return path;
}

async function isReady(
  path: string,
  marker: string,
  medium: PodDirectory["medium"],
  { rootDir }: PodDirectoryOptions,
  { files, mounts }: PodDirectoryDeps,
): Promise<boolean> {
  if ((await files.stat(marker))?.kind !== "file") return false;
  if (medium === "disk") return (await files.stat(path))?.kind === "directory";
  // After a reboot the marker is there, the tmpfs is not. The list shows real paths: rootDir may be a symlink of the operator.
  const below = path.slice(rootDir.length);
  return (await mounts.list(path)).some(({ target, type }) => type === "tmpfs" && target.endsWith(below));
}

/** No more than the pod may use, and than all pods may; without a size tmpfs would take half of the machine's memory. */
export function tmpfsOptions(
  pod: Pod,
  { sizeLimit }: Pick<PodDirectory, "sizeLimit">,
  options: PodDirectoryOptions,
): readonly string[] {
  const whole = options.facts.allocatableMemoryBytes ?? options.facts.memoryBytes;
  const podLimit = limitDeclared(pod, "memory") ? podLimits(pod).memory : undefined;
  const size = Math.min(...[whole, podLimit, sizeLimit].map((bytes) => bytes || Number.POSITIVE_INFINITY));
  return [...(Number.isFinite(size) ? [`size=${size}`] : []), ...(options.noswap ? ["noswap"] : [])];
}
