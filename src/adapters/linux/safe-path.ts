import { constants } from "node:fs";
import { chmod, type FileHandle, mkdir, realpath } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { errnoOf, isAbsent, refused } from "./fault.ts";
import { below, holdDirectory, holdPlace, itself } from "./held.ts";

const MODE_BITS = constants.S_IRWXU | constants.S_IRWXG | constants.S_IRWXO;

/**
 * Holds what `path` names below `root`, making missing directories with root's mode. The pod that owns the volume may change it all
 * the while: symlinks are resolved first and must stay inside; then each step of the resolved way is opened from the held one before
 * it, and a symlink that shows up by then is refused (ELOOP).
 */
export async function holdInside(root: string, path: string): Promise<FileHandle> {
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  if (path.startsWith("/") || steps.includes("..")) {
    throw refused("use path", path, "EINVAL", "it must be relative and have no '..'");
  }
  const start = await realpath(root);
  if (steps.length === 0) return holdPlace(start);
  const { real, missing } = await resolveInside(start, steps);
  const inside = relative(start, real);
  if (inside === ".." || inside.startsWith("../")) {
    throw refused("use path", join(root, path), "EXDEV", `a symlink leads out of the volume, to ${real}`);
  }
  return walk(start, [...inside.split("/").filter(Boolean), ...missing], missing.length);
}

/** The real path of the longest part that exists, and the steps after it. */
async function resolveInside(
  start: string,
  steps: readonly string[],
): Promise<{ real: string; missing: readonly string[] }> {
  for (let count = steps.length; ; count--) {
    try {
      return { real: await realpath(join(start, ...steps.slice(0, count))), missing: steps.slice(count) };
    } catch (error) {
      if (count === 0 || errnoOf(error) !== "ENOENT") throw error;
    }
  }
}

async function walk(start: string, steps: readonly string[], fresh: number): Promise<FileHandle> {
  let held = await holdDirectory(start);
  const mode = (await held.stat()).mode & MODE_BITS;
  for (const [index, step] of steps.entries()) {
    const parent = held;
    try {
      if (index >= steps.length - fresh) await makeDirectory(below(parent, step), mode);
      held = await hold(parent, step, index === steps.length - 1);
    } finally {
      await parent.close();
    }
  }
  return held;
}

async function hold(parent: FileHandle, step: string, last: boolean): Promise<FileHandle> {
  if (!last) return holdDirectory(below(parent, step));
  const place = await holdPlace(below(parent, step));
  if (!(await place.stat()).isSymbolicLink()) return place;
  await place.close();
  throw refused("use path", step, "ELOOP", "it turned into a symlink");
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    // Made by someone else meanwhile: a dangling symlink counts as made too, and is refused when it is opened.
    if (errnoOf(error) === "EEXIST") return;
    if (isAbsent(error)) throw refused("make directory", dirname(path), "ENOENT", "the volume was removed meanwhile");
    throw error;
  }
  // mkdir took the umask off.
  const made = await holdDirectory(path);
  await chmod(itself(made), mode).finally(() => made.close());
}
