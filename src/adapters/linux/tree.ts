import type { Dirent } from "node:fs";
import { type FileHandle, lstat, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { errnoOf, isAbsent, refused } from "./fault.ts";
import { below, holdDirectory, holdDirectoryIfThere, itself, mountId } from "./held.ts";

/** Deeper directories are moved up to the top of the tree first: each level holds a descriptor, and a pod can nest without end. */
const MOST_HELD = 64;
/** Unlinks in flight. */
const BATCH = 32;
/** Somebody who writes faster than we delete must not hold us for ever. */
const MOST_PASSES = 100;

/**
 * Removes the whole tree at `path`: never through a symlink, never into another mount (EXDEV), even when the tree's owner changes it
 * meanwhile.
 */
export async function removeTree(path: string): Promise<void> {
  const parent = await holdParent(path);
  if (parent === undefined) return;
  try {
    await removeEntry(parent, basename(path), path, undefined);
  } finally {
    await parent.close();
  }
}

/** The way to the tree is the node's own and may hold symlinks (/var/lib/kubelet -> /data): only the tree itself may not. */
async function holdParent(path: string): Promise<FileHandle | undefined> {
  try {
    return await holdDirectory(`${dirname(path)}/.`);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

interface Tree {
  readonly root: FileHandle;
  readonly mount: string;
  readonly shown: string;
  moved: number;
}

async function removeEntry(
  parent: FileHandle,
  name: string,
  shown: string,
  tree: Tree | undefined,
  depth = 0,
): Promise<void> {
  const directory = await holdChild(parent, name);
  if (directory === "gone") return;
  if (directory === "not-a-directory") return unlinkIfThere(below(parent, name));
  try {
    const mount = await mountId(directory);
    const mine = tree ?? { root: directory, mount: await mountOf(parent, mount), shown, moved: 0 };
    if (mount !== mine.mount)
      throw refused("remove tree", shown, "EXDEV", `${shown} is another mount: unmount it first`);
    if (depth > MOST_HELD) await rename(below(parent, name), below(mine.root, `.kubelet-ts-deep-${mine.moved++}`));
    else {
      await empty(directory, shown, mine, depth);
      await rmdirIfThere(below(parent, name));
    }
  } finally {
    await directory.close();
  }
}

/** The tree's own root may not be a mount point either. */
async function mountOf(parent: FileHandle, own: string): Promise<string> {
  const outer = await mountId(parent);
  return outer === "" ? own : outer;
}

async function empty(directory: FileHandle, shown: string, tree: Tree, depth: number): Promise<void> {
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const entries = await readdir(itself(directory), { withFileTypes: true });
    if (entries.length === 0) return;
    await unlinkFiles(directory, entries);
    for (const entry of entries) {
      if (entry.isDirectory()) await removeEntry(directory, entry.name, `${shown}/${entry.name}`, tree, depth + 1);
    }
  }
  throw refused("remove tree", shown, "ENOTEMPTY", "something keeps writing into it");
}

async function unlinkFiles(directory: FileHandle, entries: readonly Dirent[]): Promise<void> {
  const files = entries.filter((entry) => !entry.isDirectory());
  for (let from = 0; from < files.length; from += BATCH) {
    await Promise.all(files.slice(from, from + BATCH).map(({ name }) => unlinkIfThere(below(directory, name))));
  }
}

async function holdChild(parent: FileHandle, name: string): Promise<FileHandle | "gone" | "not-a-directory"> {
  try {
    const held = await holdDirectoryIfThere(below(parent, name));
    if (held !== undefined) return held;
    await lstat(below(parent, name));
    return "not-a-directory";
  } catch (error) {
    if (isAbsent(error)) return "gone";
    if (errnoOf(error) === "ELOOP") return "not-a-directory";
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    // EISDIR: became a directory since it was listed; the next pass sees it as one.
    if (!isAbsent(error) && errnoOf(error) !== "EISDIR") throw error;
  }
}

async function rmdirIfThere(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
