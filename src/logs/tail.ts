import type { LogFile } from "../ports/log-files.ts";

const NEWLINE = 0x0a;

/**
 * Where reading starts so that the last `lines` raw lines that end in a newline follow (and the unfinished one after them).
 * Reads backwards from `end`, one block at a time.
 */
export async function findTailStart(file: LogFile, end: number, lines: number, blockSize = 64 * 1024): Promise<number> {
  let newlines = 0;
  for (let right = end; right > 0; ) {
    const left = Math.max(0, right - blockSize);
    const block = await readFully(file, left, right - left);
    for (let at = block.lastIndexOf(NEWLINE); at >= 0; at = at > 0 ? block.lastIndexOf(NEWLINE, at - 1) : -1) {
      newlines++;
      if (newlines > lines) return left + at + 1;
    }
    right = left;
  }
  return 0;
}

async function readFully(file: LogFile, offset: number, length: number): Promise<Uint8Array> {
  const first = await file.read(offset, length);
  if (first.length === length || first.length === 0) return first;
  const parts = [first];
  let have = first.length;
  while (have < length) {
    const more = await file.read(offset + have, length - have);
    if (more.length === 0) break;
    parts.push(more);
    have += more.length;
  }
  return Buffer.concat(parts);
}
