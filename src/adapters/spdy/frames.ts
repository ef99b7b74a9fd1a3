import type { ByteReader } from "./byte-reader.ts";

/** SPDY/3.1 as far as a client of a streaming server needs it: it opens streams, and nobody opens one towards it. */
export type Frame =
  /** Some bytes of a data frame: long ones come in parts. */
  | { readonly kind: "data"; readonly stream: number; readonly bytes: Buffer; readonly fin: boolean }
  | { readonly kind: "opened"; readonly stream: number; readonly fin: boolean }
  | { readonly kind: "reset"; readonly stream: number; readonly status: number }
  | { readonly kind: "ping"; readonly id: number }
  | { readonly kind: "goaway" }
  /** Nothing that matters here: settings, windows (which no runtime's server keeps), headers. */
  | { readonly kind: "other" };

const VERSION = 3;
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const FIN = 1;
const HEADER = 8;
const LONGEST_CONTROL = 1024 * 1024;
const PART = 64 * 1024;
const LONGEST_STORED = 0xffff;

/** zlib's header of a stream that builds on SPDY's dictionary: method, flags, Adler-32 of the dictionary. */
const ZLIB_HEADER = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);

const SYNC_FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Reads frames until the end, or until what comes is no SPDY/3. */
export async function* readFrames(reader: ByteReader): AsyncGenerator<Frame> {
  for (;;) {
    const header = await reader.exactly(HEADER);
    if (header === undefined) return;
    const length = header.readUIntBE(5, 3);
    const flags = header[4] ?? 0;
    if (((header[0] ?? 0) & 0x80) === 0) {
      if (!(yield* dataParts(reader, header.readUInt32BE(0), length, (flags & FIN) !== 0))) return;
      continue;
    }
    if ((header.readUInt16BE(0) & 0x7fff) !== VERSION || length > LONGEST_CONTROL) return;
    const body = await reader.exactly(length);
    if (body === undefined) return;
    yield controlFrame(header.readUInt16BE(2), flags, body);
  }
}

async function* dataParts(
  reader: ByteReader,
  stream: number,
  length: number,
  fin: boolean,
): AsyncGenerator<Frame, boolean> {
  let left = length;
  do {
    const bytes = left === 0 ? Buffer.alloc(0) : await reader.some(Math.min(left, PART));
    if (bytes === undefined) return false;
    left -= bytes.length;
    yield { kind: "data", stream, bytes, fin: fin && left === 0 };
  } while (left > 0);
  return true;
}

function controlFrame(type: number, flags: number, body: Buffer): Frame {
  const number = (at: number): number => (body.length >= at + 4 ? body.readUInt32BE(at) : 0);
  switch (type) {
    case SYN_REPLY:
      return { kind: "opened", stream: number(0) & 0x7fffffff, fin: (flags & FIN) !== 0 };
    case RST_STREAM:
      return { kind: "reset", stream: number(0) & 0x7fffffff, status: number(4) };
    case PING:
      return { kind: "ping", id: number(0) };
    case GOAWAY:
      return { kind: "goaway" };
    default:
      return { kind: "other" };
  }
}

export function dataFrame(stream: number, bytes: Buffer, fin = false): readonly Buffer[] {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(stream, 0);
  header.writeUIntBE(bytes.length, 5, 3);
  header[4] = fin ? FIN : 0;
  return [header, bytes];
}

export function pingFrame(id: number): readonly Buffer[] {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(id);
  return control(PING, body);
}

/** Opens streams of one connection, whose header blocks are one zlib stream together. */
export class StreamOpener {
  #last = -1;

  /** The frame that opens the next stream, and its number. */
  open(headers: { readonly [name: string]: string }): { readonly stream: number; readonly frame: readonly Buffer[] } {
    const first = this.#last < 0;
    this.#last += 2;
    const fixed = Buffer.alloc(10);
    fixed.writeUInt32BE(this.#last);
    const block = stored(headerBlock(headers));
    const body = Buffer.concat([fixed, ...(first ? [ZLIB_HEADER] : []), ...block]);
    return { stream: this.#last, frame: control(SYN_STREAM, body) };
  }
}

/**
 * Deflate's uncompressed blocks: what is sent once needs no compression, and so no dictionary either. An empty one ends them: it is zlib's sync flush,
 * without which Go's reader holds back what it has.
 */
function stored(bytes: Buffer): readonly Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += LONGEST_STORED) {
    const part = bytes.subarray(at, at + LONGEST_STORED);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(part.length, 1);
    header.writeUInt16LE(part.length ^ 0xffff, 3);
    blocks.push(header, part);
  }
  return [...blocks, SYNC_FLUSH];
}

function headerBlock(headers: { readonly [name: string]: string }): Buffer {
  const pairs = Object.entries(headers);
  const texts = pairs.flatMap(([name, value]) => [text(name.toLowerCase()), text(value)]);
  return Buffer.concat([uint32(pairs.length), ...texts]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function control(type: number, body: Buffer): readonly Buffer[] {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(0x8000 | VERSION, 0);
  header.writeUInt16BE(type, 2);
  header.writeUIntBE(body.length, 5, 3);
  return [header, body];
}
