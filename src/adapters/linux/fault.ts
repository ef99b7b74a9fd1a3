import { KubeletError, messageOf } from "../../base/fault.ts";

/** The errno name of anything that node:fs throws; "EIO" where it has none. */
export function errnoOf(error: unknown): string {
  if (error instanceof KubeletError && error.fault.code === "file-failed") return error.fault.errno;
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "EIO";
}

/** Translates a foreign error once: what was tried ("read file"), on what path, why not. */
export function fileFault(action: string, path: string, error: unknown): KubeletError {
  if (error instanceof KubeletError) return error;
  const errno = errnoOf(error);
  return new KubeletError(
    `Cannot ${action} ${path}: ${reason(errno, error)}`,
    { code: "file-failed", path, errno },
    { cause: error },
  );
}

export const refused = (action: string, path: string, errno: string, why: string): KubeletError =>
  new KubeletError(`Cannot ${action} ${path}: ${why} (${errno})`, { code: "file-failed", path, errno });

/** Runs `work`, translating what it throws. */
export async function doing<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFault(action, path, error);
  }
}

/** As `doing`, with undefined for what is not there: absence is a value. */
export async function doingIfThere<T>(action: string, path: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw fileFault(action, path, error);
  }
}

/** ENOTDIR: a parent became a file, so the path is not there either. */
export const isAbsent = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(errnoOf(error));

// Node says "ENOENT: no such file or directory, open '/x'"; the path is in our own message already.
function reason(errno: string, error: unknown): string {
  const said = messageOf(error);
  const words = /^[A-Z0-9]+: ([^,]+)/.exec(said)?.[1];
  return words === undefined ? `${said} (${errno})` : `${words} (${errno})`;
}
