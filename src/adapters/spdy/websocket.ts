import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { expectEnd } from "../http/splice.ts";
import { ByteReader } from "./byte-reader.ts";
import { written } from "./written.ts";

const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CONTINUATION = 0;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const LONGEST_CONTROL = 125;
const PART = 64 * 1024;

export const NORMAL = 1000;
const PROTOCOL_ERROR = 1002;

/** Some bytes of a message, in order: long messages come in parts. */
export interface MessagePart {
  /** The first one of its message; there is one even when the message is empty. */
  readonly first: boolean;
  readonly last: boolean;
  readonly bytes: Buffer;
}

/** Why the request is no WebSocket handshake of RFC 6455; undefined: it is one. */
export function handshakeProblem({ headers, method }: IncomingMessage): string | undefined {
  if (method !== "GET") return "a WebSocket request is a GET";
  if (headers["sec-websocket-version"] !== "13") return "WebSocket version 13 is needed";
  return Buffer.from(headers["sec-websocket-key"] ?? "", "base64").length === 16
    ? undefined
    : "Sec-WebSocket-Key is not 16 bytes in base64";
}

/** The server's side of a WebSocket: messages in parts, binary ones back. Answers pings. */
export class WebSocket {
  readonly #socket: Socket;
  readonly #reader: ByteReader;
  #closed = false;

  /** Answers the handshake of `message` with `protocol`. */
  constructor(message: IncomingMessage, socket: Socket, head: Buffer, protocol: string) {
    this.#socket = socket;
    this.#reader = new ByteReader(socket, head);
    const key = message.headers["sec-websocket-key"] ?? "";
    const accept = createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64");
    const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    if (protocol !== "") lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    socket.write(`${[...lines, `Sec-WebSocket-Accept: ${accept}`].join("\r\n")}\r\n\r\n`, "latin1");
  }

  /** What the client sends, until it closes or breaks the protocol. */
  async *parts(): AsyncGenerator<MessagePart> {
    /** Inside a message whose last frame has not come. */
    let inside = false;
    for (;;) {
      const frame = await this.#header();
      if (frame === undefined) return;
      if (frame.opcode >= CLOSE) {
        if (!(await this.#control(frame))) return;
        continue;
      }
      const starts = frame.opcode !== CONTINUATION;
      // Text is no stream of bytes, and nothing else than these is defined.
      if (starts === inside || (starts && frame.opcode !== BINARY)) return void (await this.close(PROTOCOL_ERROR));
      let first = starts;
      let left = frame.length;
      do {
        const bytes = await this.#payload(frame, left);
        if (bytes === undefined) return;
        left -= bytes.length;
        yield { first, last: frame.fin && left === 0, bytes };
        first = false;
      } while (left > 0);
      inside = !frame.fin;
    }
  }

  /** One binary message. Resolves when the client has taken enough of what was sent. */
  async send(...pieces: readonly Buffer[]): Promise<void> {
    const length = pieces.reduce((all, { length: one }) => all + one, 0);
    await this.#write(frameHeader(BINARY, length), ...pieces);
  }

  /** Says goodbye, once, and ends our side. */
  async close(code: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    await this.#write(frameHeader(CLOSE, payload.length), payload);
    this.#socket.end();
    expectEnd(this.#socket);
  }

  async #control({ opcode, fin, length, mask }: FrameHeader): Promise<boolean> {
    if (!fin || length > LONGEST_CONTROL) {
      await this.close(PROTOCOL_ERROR);
      return false;
    }
    const payload = await this.#reader.exactly(length);
    if (payload === undefined) return false;
    if (opcode === CLOSE) {
      await this.close(NORMAL);
      return false;
    }
    if (opcode === PING) {
      const unmasked = xored(payload, mask, 0);
      await this.#write(frameHeader(PONG, unmasked.length), unmasked);
    }
    return true;
  }

  async #payload({ length, mask }: FrameHeader, left: number): Promise<Buffer | undefined> {
    if (left === 0) return Buffer.alloc(0);
    const bytes = await this.#reader.some(Math.min(left, PART));
    return bytes && xored(bytes, mask, length - left);
  }

  async #header(): Promise<FrameHeader | undefined> {
    const start = await this.#reader.exactly(2);
    if (start === undefined) return undefined;
    const [one = 0, two = 0] = start;
    // Reserved bits belong to extensions, of which there are none; a client's frames are masked.
    if ((one & 0x70) !== 0 || (two & 0x80) === 0) return void (await this.close(PROTOCOL_ERROR));
    const size = two & 0x7f;
    const more = await this.#reader.exactly((size === 127 ? 8 : size === 126 ? 2 : 0) + 4);
    if (more === undefined) return undefined;
    const length = size === 127 ? Number(more.readBigUInt64BE()) : size === 126 ? more.readUInt16BE() : size;
    if (!Number.isSafeInteger(length)) return void (await this.close(PROTOCOL_ERROR));
    return { opcode: one & 0x0f, fin: (one & 0x80) !== 0, length, mask: more.subarray(-4) };
  }

  #write(...pieces: readonly Buffer[]): Promise<void> {
    return written(this.#socket, pieces);
  }
}

interface FrameHeader {
  readonly opcode: number;
  readonly fin: boolean;
  readonly length: number;
  readonly mask: Buffer;
}

function frameHeader(opcode: number, length: number): Buffer {
  const size = length < 126 ? length : length < 65536 ? 126 : 127;
  const header = Buffer.alloc(size === 127 ? 10 : size === 126 ? 4 : 2);
  header[0] = 0x80 | opcode;
  header[1] = size;
  if (size === 126) header.writeUInt16BE(length, 2);
  if (size === 127) header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

/** `offset`: how many bytes of the frame came before. */
function xored(bytes: Buffer, mask: Buffer, offset: number): Buffer {
  const result = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) result[at] = (bytes[at] ?? 0) ^ (mask[(offset + at) & 3] ?? 0);
  return result;
}
