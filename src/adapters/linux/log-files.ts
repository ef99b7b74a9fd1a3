import { constants, watch } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Bell } from "../../base/bell.ts";
import { KubeletError, messageOf } from "../../base/fault.ts";
import type { LogFile, LogFiles } from "../../ports/log-files.ts";

const linuxLogFiles: LogFiles = {
  async open(path) {
    let handle: FileHandle | undefined;
    try {
      // Non-blocking: a FIFO at this path must not hang a thread of the pool.
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
      const seen = await handle.stat();
      if (!seen.isFile()) throw failed("open", path, "EINVAL", "it is not a regular file");
      return new OpenLogFile(handle, path, `${seen.dev}:${seen.ino}`);
    } catch (error) {
      await handle?.close();
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error instanceof KubeletError ? error : failed("open", path, errnoOf(error), messageOf(error));
    }
  },

  async identify(path) {
    try {
      const seen = await stat(path);
      return { identity: `${seen.dev}:${seen.ino}`, size: seen.size };
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw failed("look at", path, errnoOf(error), messageOf(error));
    }
  },

  async list(directory) {
    try {
      return (await readdir(directory)).sort();
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw failed("list", directory, errnoOf(error), messageOf(error));
    }
  },

  async *watch(path, signal) {
    const bell = new Bell();
    const base = basename(path);
    let watcher: ReturnType<typeof watch> | undefined;
    try {
      watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
        // Names of other attempts of the container are noise; rotated files begin with this one's.
        if (name === null || name.startsWith(base)) bell.ring();
      });
      watcher.on("error", () => bell.ring());
    } catch {
      // No directory, or no inotify watch left: the reader's own slow tick still finds new lines.
    }
    bell.ring();
    try {
      while (!signal.aborted) {
        await bell.wait(signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
        if (!signal.aborted) yield;
      }
    } finally {
      watcher?.close();
    }
  },
};

/** The log files of this machine. */
export const createLogFiles = (): LogFiles => linuxLogFiles;

class OpenLogFile implements LogFile {
  readonly identity: string;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string, identity: string) {
    this.#handle = handle;
    this.#path = path;
    this.identity = identity;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    try {
      const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      throw failed("read", this.#path, errnoOf(error), messageOf(error));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

const errnoOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO";

const failed = (verb: string, path: string, errno: string, why: string): KubeletError =>
  new KubeletError(`Cannot ${verb} log file ${path}: ${why}`, { code: "file-failed", path, errno });
