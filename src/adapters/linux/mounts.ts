import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, realpath, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Mount, Mounts } from "../../ports/mounts.ts";
import { doing, errnoOf } from "./fault.ts";
import { itself } from "./held.ts";
import { libc } from "./libc.ts";
import { type MountLine, mountsBelow, parseMountinfo } from "./mountinfo.ts";
import { holdInside } from "./safe-path.ts";

export function createMounts(): Mounts {
  return {
    list: (prefix) => doing("list mounts below", prefix, async () => (await linesBelow(prefix)).map(asMount)),
    mountTmpfs: (target, options) => doing("mount tmpfs on", target, () => mountTmpfs(target, options)),
    bind: (source, target, readonly) => doing(`bind ${source} to`, target, () => bind(source, target, readonly)),
    bindInside: (root, path, target) =>
      doing(`bind ${path} of ${root} to`, target, () => bindInside(root, path, target)),
    unmount: (target, lazy) => doing("unmount", target, () => unmount(target, lazy)),
    makeShared: (path) => doing("make shared", path, () => makeShared(path)),
    usage: (path) => doing("measure the file system at", path, () => usage(path)),
  };
}

/** mount(2), from include/uapi/linux/mount.h. */
const FLAGS = {
  ro: 1n,
  nosuid: 2n,
  nodev: 4n,
  noexec: 8n,
  noatime: 1024n,
  nodiratime: 2048n,
  relatime: 1n << 21n,
} as const;
const REMOUNT = 32n;
const BIND = 4096n;
const PRIVATE = 1n << 18n;
const SHARED = 1n << 20n;
const DETACH = 2;
const NOFOLLOW = 8;

async function mountTmpfs(target: string, options: readonly string[]): Promise<void> {
  if ((await lineAt(target))?.type === "tmpfs") return;
  const { mount } = await libc();
  const data = options.filter((option) => !(option in FLAGS)).join(",");
  await mount("tmpfs", target, "tmpfs", flagsOf(options), data);
}

async function bind(source: string, target: string, readonly: boolean): Promise<void> {
  const { mount } = await libc();
  await mount(source, target, "", BIND, "");
  await mount("", target, "", PRIVATE, "");
  if (!readonly) return;
  // A bind takes no options of its own: they come by a remount, which would drop nosuid and the like unless they are said again.
  const line = await lineAt(target);
  await mount("", target, "", REMOUNT | BIND | FLAGS.ro | flagsOf(line?.options ?? []), "");
}

async function bindInside(root: string, path: string, target: string): Promise<void> {
  await using place = await holdInside(root, path);
  await makeTarget(target, place);
  if ((await lineAt(target)) !== undefined) {
    if (await sameFile(target, place)) return;
    // Left by an earlier life of the container, and the volume has changed since, or the bind went stale.
    await unmount(target, true);
  }
  await bind(itself(place), target, false);
}

/** Binding needs a directory for a directory and a file for anything else. */
async function makeTarget(target: string, place: FileHandle): Promise<void> {
  if ((await place.stat()).isDirectory()) {
    await mkdir(target, { recursive: true, mode: 0o750 });
    return;
  }
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const file = await open(
    target,
    constants.O_CREAT | constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    0o640,
  );
  await file.close();
}

async function sameFile(path: string, place: FileHandle): Promise<boolean> {
  const [there, wanted] = await Promise.all([stat(path).catch(() => undefined), place.stat()]);
  return there?.ino === wanted.ino && there.dev === wanted.dev;
}

async function unmount(target: string, lazy: boolean): Promise<void> {
  const { umount2 } = await libc();
  try {
    await umount2(target, NOFOLLOW | (lazy ? DETACH : 0));
  } catch (error) {
    // EINVAL: not a mount point.
    if (!["EINVAL", "ENOENT"].includes(errnoOf(error))) throw error;
  }
}

async function makeShared(path: string): Promise<void> {
  const { mount } = await libc();
  const real = await realpath(path);
  const here = await lineAt(real);
  if (here?.shared) return;
  if (here === undefined) await mount(real, real, "", BIND, "");
  await mount("", real, "", SHARED, "");
}

/**
 * statfs(2) runs on a thread of libuv's pool, so the loop goes on. On a dead network mount that thread hangs: network volumes, which
 * come with their own issue, need a thread of their own here. All volumes of today are local.
 */
async function usage(path: string) {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize, inodes: files, inodesFree: ffree };
}

/** mountinfo shows real paths, ours may lead over a symlink of the operator (/var/lib/kubelet -> /data/kubelet). */
async function linesBelow(prefix: string): Promise<readonly MountLine[]> {
  const real = await realpath(prefix).catch(() => prefix);
  return mountsBelow(parseMountinfo(await readFile("/proc/self/mountinfo", "utf8"), real), real);
}

/** The mount on top at `target` itself. */
async function lineAt(target: string): Promise<MountLine | undefined> {
  const real = await realpath(target).catch(() => target);
  return (await linesBelow(real)).find((line) => line.target === real);
}

const flagsOf = (options: readonly string[]): bigint =>
  Object.entries(FLAGS).reduce((sum, [name, flag]) => (options.includes(name) ? sum | flag : sum), 0n);

const asMount = ({ source, target, type, options }: MountLine): Mount => ({
  source,
  target,
  type,
  options: options.join(","),
});
