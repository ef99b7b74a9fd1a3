import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { copyFile, truncate } from "node:fs/promises";

/** A log larger than this is set aside as `<log>.1`; the one before is lost. */
const ROTATE_BYTES = 16 << 20;

/** Opens the log to append. The descriptor goes to a child and is closed after. */
export function openLog(path: string): number {
  try {
    if (statSync(path).size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  } catch {
    // none yet
  }
  return openSync(path, "a", 0o640);
}

/**
 * Sets the log of a containerd that runs aside when it has become too large. Returns whether it was. containerd goes on in the same file, which it only
 * appends to; what it writes between the two steps is lost.
 */
export async function trimLog(path: string): Promise<boolean> {
  if (sizeOf(path) <= ROTATE_BYTES) return false;
  await copyFile(path, `${path}.1`);
  await truncate(path);
  return true;
}

/** The last `lines` lines after byte `from`, for a message about a crash. Reads at most 16 KiB. */
export function tailOf(path: string, lines: number, from: number): readonly string[] {
  try {
    const file = openSync(path, "r");
    try {
      const end = fstatSync(file).size;
      const start = Math.max(from, end - 16384);
      if (end <= start) return [];
      const buffer = Buffer.alloc(end - start);
      readSync(file, buffer, 0, buffer.length, start);
      return buffer.toString("utf8").trim().split("\n").slice(-lines);
    } finally {
      closeSync(file);
    }
  } catch {
    return []; // only decoration of a message
  }
}

export function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
