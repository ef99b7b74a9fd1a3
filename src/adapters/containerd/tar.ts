import { Buffer } from "node:buffer";

/** One regular file of an archive. */
export interface TarFile {
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const BLOCK = 512;

/** A ustar archive that depends on nothing but its input: owner root, time 0. Names up to 100 bytes. */
export function tar(files: readonly TarFile[]): Uint8Array {
  const parts = files.flatMap(({ name, mode, content }) => [
    header(name, mode, content.length),
    content,
    new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}

function header(name: string, mode: number, size: number): Uint8Array {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`Cannot archive ${name}: name is longer than 100 bytes`);
  const block = Buffer.alloc(BLOCK);
  const octal = (at: number, width: number, value: number) =>
    block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  block.write(name, 0);
  octal(100, 8, mode);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, size);
  octal(136, 12, 0);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  // The sum counts its own field as spaces, and ends with a zero and a space (POSIX pax, ustar).
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
