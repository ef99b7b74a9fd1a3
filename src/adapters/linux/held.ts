import { constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { isAbsent } from "./fault.ts";

/**
 * Paths through a held directory. Node has no openat(2), but `/proc/self/fd/N/name` is the same: the kernel goes straight to the
 * directory that descriptor N holds, wherever its name points by now. With O_NOFOLLOW on each step no symlink is ever followed,
 * and nothing that a pod swaps in between two steps can lead us astray.
 */
export const below = (directory: FileHandle, name: string): string => `/proc/self/fd/${directory.fd}/${name}`;
export const itself = (held: FileHandle): string => `/proc/self/fd/${held.fd}`;

/** Linux: O_PATH, which node:fs does not name. Only a place, no access to what it holds: opens sockets and devices without effect. */
const O_PATH = 0o10000000;

/** @throws ENOTDIR for a symlink or anything that is no directory */
export const holdDirectory = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

/** Holds whatever is at `path`, a symlink itself too. */
export const holdPlace = (path: string): Promise<FileHandle> => open(path, O_PATH | constants.O_NOFOLLOW);

/** As holdDirectory, undefined where there is nothing. */
export async function holdDirectoryIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await holdDirectory(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Which mount the held thing lies in. Finer than st_dev, which is the same on both sides of a bind mount. */
export async function mountId(held: FileHandle): Promise<string> {
  const text = await readFile(`/proc/self/fdinfo/${held.fd}`, "latin1");
  return /^mnt_id:\s*(\d+)$/m.exec(text)?.[1] ?? "";
}
