import { dirname, join } from "node:path";
import type { Mounts } from "../ports/mounts.ts";
import type { Directory, Disk, Entry } from "./disk.ts";
import { Disturbed, failed } from "./disturbed.ts";
import type { Faults } from "./faults.ts";
import type { World } from "./world.ts";

const HUGE = { capacityBytes: 1e12, availableBytes: 5e11, inodes: 1e9, inodesFree: 5e8 };

/** The mount table of the simulated node, as one process uses it. */
export function simMounts(disk: Disk, world: World, faults: Faults, life: AbortSignal): Mounts {
  const door = new Disturbed(world, faults, life);
  const act = <T>(path: string, effect: () => T): Promise<T> => door.act("mount", effect, path);

  function mount(source: string, target: string, type: string, options: string, root: Entry, readonly: boolean): void {
    const { path, entry } = disk.walk(target, true);
    if (!entry) throw failed("ENOENT", target);
    disk.mounts.set(path, { source, target: path, type, options, root, readonly });
  }

  return {
    // Read from /proc: it does not hang with what is mounted.
    list: (prefix) => act("", () => [...disk.mountsAt(prefix)].sort((a, b) => b.target.length - a.target.length)),
    mountTmpfs: (target, options) =>
      act(target, () => {
        if (disk.mounts.get(disk.walk(target, true).path)?.type === "tmpfs") return;
        mount("tmpfs", target, "tmpfs", options.join(), disk.directory(0o1777), false);
      }),
    bind: (source, target, readonly) =>
      act(target, () => {
        const { entry } = disk.walk(source, true);
        if (!entry) throw failed("ENOENT", source);
        mount(source, target, "none", readonly ? "ro" : "rw", entry, readonly);
      }),
    bindInside: (root, path, target) =>
      act(target, () => {
        const entry = inside(disk, root, path);
        makeTarget(disk, target, entry);
        mount(join(root, path), target, "none", "rw", entry, false);
      }),
    unmount: (target, lazy) =>
      act(target, () => {
        const mounts = disk.mountsAt(target);
        if (!disk.mounts.has(target)) return;
        if (mounts.length > 1 && !lazy) throw failed("EBUSY", target);
        for (const { target: one } of mounts) disk.mounts.delete(one);
      }),
    makeShared: (path) =>
      act(path, () => {
        const { entry, path: real } = disk.walk(path, true);
        if (!entry) throw failed("ENOENT", path);
        if (!disk.mounts.has(real)) mount(path, path, "none", "rw,shared", entry, false);
      }),
    usage: (path) =>
      act("", () => {
        const size = /size=(\d+)/.exec(disk.mounts.get(path)?.options ?? "")?.[1];
        return size === undefined ? HUGE : { ...HUGE, capacityBytes: Number(size), availableBytes: Number(size) };
      }),
  };
}

/** What a path names below a root that a pod may have filled with symlinks; missing directories are made with the root's mode. */
function inside(disk: Disk, root: string, path: string, links = 0): Entry {
  const top = disk.walk(root, true).entry;
  if (top?.kind !== "directory") throw failed("ENOENT", root);
  if (path.startsWith("/") || path.split("/").includes("..")) throw failed("EXDEV", path);
  let directory: Directory = top;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (const [depth, name] of parts.entries()) {
    const isLast = depth === parts.length - 1;
    const found: Entry = directory.children.get(name) ?? disk.directory(top.mode);
    directory.children.set(name, found);
    if (found.kind === "symlink") {
      if (links > 40 || found.target.startsWith("/")) throw failed("EXDEV", path);
      return inside(disk, root, join(...parts.slice(0, depth), found.target, ...parts.slice(depth + 1)), links + 1);
    }
    if (isLast) return found;
    if (found.kind !== "directory") throw failed("ENOTDIR", path);
    directory = found;
  }
  return directory;
}

function makeTarget(disk: Disk, target: string, like: Entry): void {
  const { entry, parent } = disk.walk(target, true);
  if (entry) return;
  if (!parent) makeTarget(disk, dirname(target), disk.root);
  const made = like.kind === "directory" ? disk.directory(0o755) : disk.file(0o644, new Uint8Array());
  disk.put(disk.walk(target, true), made);
}
