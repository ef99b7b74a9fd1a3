import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import { KubeletError } from "../../base/fault.ts";
import { checkPart, decodeFooter, FOOTER_BYTES, type Layout } from "../executable/layout.ts";

const CHUNK = 1 << 20;

/** Why a file is no whole kubelet as it was built: another kind of file, cut off, or changed. undefined: every byte is as it was. */
export async function executableProblem(path: string): Promise<string | undefined> {
  await using file = await fs.open(path, "r");
  const { size } = await file.stat();
  const read = async (offset: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  try {
    const list = decodeFooter(await read(Math.max(0, size - FOOTER_BYTES), Math.min(size, FOOTER_BYTES)), size);
    const text = await read(list.offset, list.length);
    checkPart("its list of parts", text, list);
    const { sha256 }: Layout = JSON.parse(text.toString());
    const hash = createHash("sha256");
    for (let at = 0; at < list.offset; at += CHUNK) hash.update(await read(at, Math.min(CHUNK, list.offset - at)));
    return hash.digest("hex") === sha256 ? undefined : "it was changed since it was built: get it anew";
  } catch (error) {
    if (error instanceof KubeletError) return error.message;
    throw error;
  }
}
