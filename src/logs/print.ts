import { KubeletError, unreachable } from "../base/fault.ts";
import {
  compareLogTimes,
  detectFormat,
  type LogFormat,
  type LogStream,
  type LogTime,
  parseCriHead,
  parseCriLine,
  parseDockerLine,
} from "./line.ts";
import type { Piece } from "./split.ts";

export interface PrintOptions {
  readonly timestamps: boolean;
  readonly since: Pick<LogTime, "secondMs" | "nanos"> | undefined;
  readonly stream: LogStream | "all";
  /** Most raw lines that are taken (those older than `since` count), undefined: no limit. */
  readonly maxLines: number | undefined;
  /** Most bytes of output, >= 1, undefined: no limit. */
  readonly limitBytes: number | undefined;
}

const NEWLINE = 0x0a;

/** Turns raw pieces into what a client reads. Pure but for what it remembers of the pieces before. */
export class LogPrinter {
  readonly #options: PrintOptions;
  #format: LogFormat | undefined;
  /** The next text begins a line of the client's. */
  #lineStart = true;
  #linesLeft: number;
  #bytesLeft: number;
  /** Inside a line that comes in pieces. */
  #long: { readonly skip: boolean; readonly partial: boolean } | undefined;
  /** Raw lines that made no sense. */
  skipped = 0;

  constructor(options: PrintOptions) {
    this.#options = options;
    this.#linesLeft = options.maxLines ?? Number.POSITIVE_INFINITY;
    this.#bytesLeft = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Nothing more will be printed. */
  get done(): boolean {
    return this.#bytesLeft <= 0 || (this.#linesLeft <= 0 && this.#long === undefined);
  }

  /** Appends the output of `piece` to `out`. @throws KubeletError when the first line is in no known format */
  print(piece: Piece, out: Uint8Array[]): void {
    if (this.done) return;
    switch (piece.kind) {
      case "line":
        this.#line(piece.bytes, out);
        break;
      case "begin":
        this.#begin(piece.bytes, out);
        break;
      case "more":
        this.#more(piece, out);
        break;
      default:
        unreachable(piece);
    }
  }

  #line(raw: Uint8Array, out: Uint8Array[]): void {
    const line = this.#formatOf(raw) === "cri" ? parseCriLine(raw) : parseDockerLine(raw);
    if (line === undefined) {
      this.skipped++;
      return;
    }
    this.#linesLeft--;
    if (this.#skips(line.time, line.stream)) return;
    this.#text(line.time, line.text, out);
  }

  #begin(raw: Uint8Array, out: Uint8Array[]): void {
    const head = this.#formatOf(raw) === "cri" ? parseCriHead(raw) : undefined;
    if (head === undefined) {
      // Too long for Docker's JSON to be read whole, or no log line at all.
      this.skipped++;
      this.#long = { skip: true, partial: false };
      return;
    }
    this.#linesLeft--;
    const skip = this.#skips(head.time, head.stream);
    this.#long = { skip, partial: head.partial };
    if (!skip) this.#text(head.time, raw.subarray(head.textAt), out);
  }

  #more({ bytes, last }: Extract<Piece, { kind: "more" }>, out: Uint8Array[]): void {
    const long = this.#long;
    if (last) this.#long = undefined;
    if (long === undefined || long.skip) return;
    const text = last && long.partial && bytes[bytes.length - 1] === NEWLINE ? bytes.subarray(0, -1) : bytes;
    if (text.length === 0) return;
    this.#emit(text, out);
    this.#lineStart = text[text.length - 1] === NEWLINE;
  }

  #text(time: LogTime, text: Uint8Array, out: Uint8Array[]): void {
    if (this.#options.timestamps && this.#lineStart) this.#emit(Buffer.from(`${time.fixed} `, "latin1"), out);
    this.#emit(text, out);
    this.#lineStart = text.length === 0 || text[text.length - 1] === NEWLINE;
  }

  #emit(text: Uint8Array, out: Uint8Array[]): void {
    const part = text.length > this.#bytesLeft ? text.subarray(0, this.#bytesLeft) : text;
    this.#bytesLeft -= part.length;
    if (part.length > 0) out.push(part);
  }

  #skips(time: LogTime, stream: LogStream): boolean {
    const { since, stream: wanted } = this.#options;
    return (since !== undefined && compareLogTimes(time, since) < 0) || (wanted !== "all" && wanted !== stream);
  }

  #formatOf(raw: Uint8Array): LogFormat {
    this.#format ??= detectFormat(raw);
    if (this.#format !== undefined) return this.#format;
    const sample = JSON.stringify(Buffer.from(raw.subarray(0, 80)).toString("latin1"));
    throw new KubeletError(`Cannot read container log: unsupported log format: ${sample}`, {
      code: "file-failed",
      path: "",
      errno: "EBADMSG",
    });
  }
}
