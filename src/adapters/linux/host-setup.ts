import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, createReadStream, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import { KubeletError } from "../../base/fault.ts";
import type { HostSetup, ProgramEnd } from "../../ports/host-setup.ts";
import { executableProblem } from "./executable-problem.ts";
import { doing, doingIfThere, errnoOf, isAbsent } from "./fault.ts";
import { createFiles } from "./files.ts";

export interface HostSetupOptions {
  /** All paths lie below it; "" for the machine itself. */
  readonly root: string;
  readonly executable: string;
  readonly env: NodeJS.ProcessEnv;
}

const MAX_TEXT = 1024 * 1024;
/** A unit that starts may take five minutes to say so. */
const PROGRAM_LIMIT_MS = 6 * 60_000;

const WHY: { readonly [errno: string]: string } = {
  EROFS: "its file system is read-only",
  EACCES: "permission denied",
  EPERM: "not permitted",
};

export function createHostSetup({ root, executable, env }: HostSetupOptions): HostSetup {
  const files = createFiles();
  const at = (path: string) => (root === "" ? path : join(root, path));
  const textOf = async (path: string) => {
    const content = await files.read(path, MAX_TEXT);
    return content && new TextDecoder().decode(content);
  };
  return {
    executable,
    superuser: process.geteuid?.() === 0,
    kind: async (path) => {
      const stats = await doingIfThere("look at", at(path), () => fs.stat(at(path)));
      return stats && kindOf(stats);
    },
    read: (path) => textOf(at(path)),
    readHere: textOf,
    writeProblem: (directory) => writeProblem(at(directory)),
    isExecutable: async (path) => {
      const [own, other] = await Promise.all([fs.stat(executable), fs.stat(at(path)).catch(() => undefined)]);
      return other !== undefined && own.ino === other.ino && own.dev === other.dev;
    },
    sha256: (path) => {
      const file = path === undefined ? executable : at(path);
      return doingIfThere("read", file, () => sha256(file));
    },
    executableProblem: () => executableProblem(executable),
    write: (path, content, mode) => files.writeAtomic(at(path), content, mode),
    copyExecutable: (path) => doing(`copy ${executable} to`, at(path), () => copyWhole(executable, at(path))),
    rename: (from, to) => files.rename(at(from), at(to)),
    remove: (path) => files.removeFile(at(path)),
    makeDirectory: async (path, mode) => {
      const missing: string[] = [];
      for (let each = path; (await files.statFollow(at(each))) === undefined; each = dirname(each))
        missing.unshift(each);
      await files.makeDirectory(at(path), mode);
      return missing;
    },
    removeEmptyDirectory: async (path) => {
      try {
        await files.removeDirectory(at(path));
        return true;
      } catch (error) {
        if (["ENOTEMPTY", "EEXIST", "EBUSY"].includes(errnoOf(error))) return false;
        throw error;
      }
    },
    run: (program, args, signal) => run(program, args, env, signal),
  };
}

function kindOf(stats: Stats): "file" | "directory" | "other" {
  if (stats.isFile()) return "file";
  return stats.isDirectory() ? "directory" : "other";
}

async function writeProblem(directory: string): Promise<string | undefined> {
  for (let each = directory; ; each = dirname(each)) {
    try {
      if (!(await fs.stat(each)).isDirectory()) return `${each} is not a directory`;
      await fs.access(each, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      if (isAbsent(error) && each !== dirname(each)) continue;
      const errno = errnoOf(error);
      return `${each}: ${WHY[errno] ?? errno}`;
    }
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

async function copyWhole(from: string, to: string): Promise<void> {
  const temporary = `${to}.new`;
  try {
    await fs.rm(temporary, { force: true });
    await fs.copyFile(from, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await fs.chmod(temporary, 0o755);
    await using file = await fs.open(temporary, "r+");
    await file.sync();
    await fs.rename(temporary, to);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await using directory = await fs.open(dirname(to), constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}

function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ProgramEnd | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramEnd | undefined>();
  const options = { signal, env, timeout: PROGRAM_LIMIT_MS, maxBuffer: MAX_TEXT, encoding: "utf8" } as const;
  execFile(program, args, options, (error, stdout, stderr) => {
    const text = `${stdout}${stderr}`.trim();
    if (signal.aborted) reject(signal.reason);
    else if (error?.code === "ENOENT") resolve(undefined);
    else if (typeof error?.code === "number" || error === null) resolve({ code: Number(error?.code ?? 0), text });
    else
      reject(
        new KubeletError(
          `Cannot run ${program} ${args.join(" ")}: ${error.killed ? "it took too long" : error.message}`,
          {
            code: "file-failed",
            path: program,
            errno: error.killed ? "ETIMEDOUT" : "EIO",
          },
        ),
      );
  });
  return promise;
}
