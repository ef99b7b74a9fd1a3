import { randomBytes } from "node:crypto";
import { constants, readFileSync, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileStat, Files } from "../../ports/files.ts";
import { doing, doingIfThere, errnoOf, fileFault, isAbsent, refused } from "./fault.ts";
import { holdPlace, itself } from "./held.ts";
import { removeTree } from "./tree.ts";
import { watch } from "./watch.ts";

export function createFiles(): Files {
  return {
    read: (path, maxBytes) => doingIfThere("read", path, () => read(path, maxBytes)),
    readTail: (path, maxBytes) => doingIfThere("read the end of", path, () => readTail(path, maxBytes)),
    writeAtomic: (path, content, mode) => doing("write", path, () => writeAtomic(path, content, mode)),
    writeInPlace: (path, content, mode) => doing("write", path, () => writeInPlace(path, content, mode)),
    makeDirectory: (path, mode) => doing("make directory", path, () => makeDirectory(path, mode)),
    chmod: (path, mode) => doing("set the mode of", path, () => chmod(path, mode)),
    lchown: (path, uid, gid) => doing("set the owner of", path, () => fs.lchown(path, uid, gid)),
    symlink: (target, path) => doing("make symlink", path, () => fs.symlink(target, path)),
    readlink: (path) => doingIfThere("read symlink", path, () => fs.readlink(path)),
    rename: (from, to) => doing(`rename ${from} to`, to, () => fs.rename(from, to)),
    stat: (path) => doingIfThere("look at", path, async () => fileStat(await fs.lstat(path))),
    statFollow: (path) => doingIfThere("look at", path, async () => fileStat(await fs.stat(path))),
    list: (path) => doingIfThere("list", path, async () => (await fs.readdir(path)).sort()),
    removeFile: async (path) => void (await doingIfThere("remove file", path, () => fs.unlink(path))),
    removeDirectory: async (path) => void (await doingIfThere("remove directory", path, () => removeDirectory(path))),
    removeTree: (path) => doing("remove tree", path, () => removeTree(path)),
    watch,
  };
}

/** O_NONBLOCK: a FIFO in a manifest folder must not hold a thread of libuv's pool until somebody writes to it. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

async function read(path: string, maxBytes: number): Promise<Uint8Array> {
  await using file = await fs.open(path, READ);
  const stat = await file.stat();
  if (!stat.isFile()) throw notAFile("read", path, stat);
  if (stat.size > maxBytes) throw tooBig(path, maxBytes);
  // Files of /proc and /sys say size 0: read to the end, whatever stat says.
  const chunks: Uint8Array[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(Math.min(Math.max(stat.size - total + 1, 4096), 1 << 20));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    total += bytesRead;
    if (total > maxBytes) throw tooBig(path, maxBytes);
    chunks.push(chunk.subarray(0, bytesRead));
  }
}

async function readTail(path: string, maxBytes: number): Promise<Uint8Array> {
  await using file = await fs.open(path, READ | constants.O_NOFOLLOW);
  const stat = await file.stat();
  if (!stat.isFile()) throw notAFile("read the end of", path, stat);
  const size = Math.min(stat.size, maxBytes);
  const tail = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(tail, filled, size - filled, stat.size - size + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return tail.subarray(0, filled);
}

async function writeAtomic(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeNew(temporary, content, mode, true);
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await using directory = await fs.open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}

async function writeNew(path: string, content: Uint8Array | string, mode: number, durable: boolean): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await using file = await fs.open(path, flags, mode);
  if (isMasked(mode)) await file.chmod(mode);
  await file.writeFile(content);
  if (durable) await file.sync();
}

async function writeInPlace(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    await using file = await fs.open(path, flags);
    const stat = await file.stat();
    if (!stat.isFile()) throw notAFile("write", path, stat);
    await file.truncate(0);
    await file.writeFile(content);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    await writeNew(path, content, mode, false);
  }
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await fs.mkdir(path, { mode });
  } catch (error) {
    if (errnoOf(error) === "EEXIST" && (await fs.stat(path)).isDirectory()) return;
    if (errnoOf(error) !== "ENOENT") throw error;
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o755 });
    return makeDirectory(path, mode);
  }
  // Each pod has a dozen directories, and a chmod of something that is held takes four calls.
  if (isMasked(mode)) await chmod(path, mode);
}

let ownUmask: number | undefined;

/** Whether what is made with this mode gets another one. `process.umask()` would change it for a moment to read it, under the feet of other threads. */
function isMasked(mode: number): boolean {
  ownUmask ??= Number.parseInt(/^Umask:\s*(\d+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "777", 8);
  return (mode & ownUmask) !== 0;
}

/** chmod(2) follows a symlink, and Linux has no lchmod: hold the place first, then change what is held. */
async function chmod(path: string, mode: number): Promise<void> {
  await using place = await holdPlace(path);
  if ((await place.stat()).isSymbolicLink()) throw refused("set the mode of", path, "ELOOP", "it is a symlink");
  await fs.chmod(itself(place), mode);
}

async function removeDirectory(path: string): Promise<void> {
  try {
    await fs.rmdir(path);
  } catch (error) {
    // ENOTDIR means "absent" elsewhere; here the path may be a file, which is an error.
    if (isAbsent(error) && errnoOf(error) === "ENOTDIR" && (await fs.lstat(path).catch(() => undefined))) {
      throw fileFault("remove directory", path, Object.assign(new Error("it is not a directory"), { code: "ENOTDIR" }));
    }
    throw error;
  }
}

function fileStat(stats: Stats): FileStat {
  const { size, uid, gid, mtimeMs, ino } = stats;
  return { kind: kindOf(stats), size, mode: stats.mode & 0o7777, uid, gid, modifiedAt: mtimeMs, inode: ino };
}

function kindOf(stats: Stats): FileStat["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isSocket()) return "socket";
  if (stats.isCharacterDevice()) return "char-device";
  if (stats.isBlockDevice()) return "block-device";
  return "fifo";
}

const notAFile = (action: string, path: string, stats: Stats) =>
  refused(action, path, stats.isDirectory() ? "EISDIR" : "EINVAL", `it is a ${kindOf(stats)}, not a file`);

const tooBig = (path: string, maxBytes: number) =>
  refused("read", path, "EFBIG", `it is larger than the ${maxBytes} bytes allowed`);
