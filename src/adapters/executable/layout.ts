/**
 * How `dist/kubelet` is laid out: Node's executable, then our parts one after another, then a list of them, then a footer of fixed size.
 *
 * The parts are not assets of Node's single executable, because those are mapped: each page that is read of them would stay in the process' memory. Read
 * from the file, they cost nothing after use, and a part that nobody needs costs nothing at all.
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { KubeletError } from "../../base/fault.ts";

/** A stretch of the file. `crc` is that of zlib, to tell damage; bytes from 0. */
export interface Part {
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

/** One script of the bundle and V8's compiled form of it. */
export interface Script {
  readonly source: Part;
  /** Missing where it was built without. */
  readonly cache?: Part;
}

export interface Layout {
  /** Of kubelet-ts. */
  readonly version: string;
  /** The script to begin with. */
  readonly entry: string;
  readonly scripts: { readonly [name: string]: Script };
  /** Other files by name: koffi's library. */
  readonly files: { readonly [name: string]: Part };
  /** SHA-256 in hex of everything before this list. */
  readonly sha256: string;
  /** Where each script's compiled form goes when the process ends: only in the file that the build runs to make them. */
  readonly train?: string;
}

const MAGIC = "kubelet-ts parts";
/** Magic, offset and length of the list, its CRC, four bytes left free. */
export const FOOTER_BYTES = 32;

/** What stands at the very end: it says where the list is. */
export function encodeFooter(list: Part): Uint8Array {
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.write(MAGIC, "latin1");
  footer.writeUIntLE(list.offset, 16, 6);
  footer.writeUInt32LE(list.length, 22);
  footer.writeUInt32LE(list.crc, 26);
  return footer;
}

/**
 * Where the list is, by the footer of a file of `size` bytes.
 * @throws KubeletError `start-refused` where this is no such footer: the file was cut off, or something was added
 */
export function decodeFooter(footer: Uint8Array, size: number): Part {
  const view = Buffer.from(footer.buffer, footer.byteOffset, footer.byteLength);
  if (view.length === FOOTER_BYTES && view.toString("latin1", 0, MAGIC.length) === MAGIC) {
    const list = { offset: view.readUIntLE(16, 6), length: view.readUInt32LE(22), crc: view.readUInt32LE(26) };
    if (list.offset + list.length + FOOTER_BYTES === size) return list;
  }
  throw damaged("it does not end as it was built: it was cut off, stripped or added to");
}

/** @throws KubeletError `start-refused` where the bytes are not those that were built in */
export function checkPart(name: string, bytes: Uint8Array, part: Part): void {
  if (bytes.length !== part.length) throw damaged(`${name} ends after ${bytes.length} of ${part.length} bytes`);
  if (crc32(bytes) !== part.crc) throw damaged(`${name} was changed`);
}

function damaged(why: string): KubeletError {
  return new KubeletError(
    `This kubelet's file is damaged: ${why}; compare it with SHA256SUMS (sha256sum -c) and fetch it again`,
    { code: "start-refused", what: "executable" },
  );
}
