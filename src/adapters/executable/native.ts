import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../base/fault.ts";

/** A file without a name: open(2). Node passes flags on that it has no name for. The value is the same on x64 and arm64 but for O_DIRECTORY. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/**
 * Loads a native library whose bytes we hold. The loader of glibc wants a file, so they are written to one that is gone again when this returns, mostly one
 * that never had a name: nothing is left behind however the process ends, and nobody else can change it.
 *
 * @param folders where to try, in order: a file system mounted noexec does not do, nor one that is full or read-only
 * @returns what the library exports
 */
export function loadNative(bytes: Uint8Array, folders: readonly string[] = usualFolders()): unknown {
  const problems: string[] = [];
  for (const folder of folders) {
    try {
      return loadFrom(folder, bytes);
    } catch (error) {
      problems.push(`${folder}: ${messageOf(error)}`);
    }
  }
  throw new Error(`no folder takes a file that can be loaded (${problems.join("; ")}); set TMPDIR to one that does`);
}

/** Memory first, which is never worn out and rarely full. */
function usualFolders(): string[] {
  return [...new Set(["/dev/shm", tmpdir(), "/run", "/var/tmp", "/var/lib"])];
}

function loadFrom(folder: string, bytes: Uint8Array): unknown {
  const file = openIn(folder);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file.fd, bytes, done);
    const loaded = { exports: {} };
    process.dlopen(loaded, file.path ?? `/proc/self/fd/${file.fd}`);
    return loaded.exports;
  } finally {
    closeSync(file.fd);
    if (file.folder !== undefined) rmSync(file.folder, { recursive: true, force: true });
  }
}

/** Not every file system has files without a name: overlayfs before Linux 6.3. */
function openIn(folder: string): { readonly fd: number; readonly path?: string; readonly folder?: string } {
  try {
    return { fd: openSync(folder, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o700) };
  } catch {
    const own = mkdtempSync(join(folder, "kubelet-"));
    const path = join(own, "native.node");
    return { fd: openSync(path, "wx", 0o700), path, folder: own };
  }
}
