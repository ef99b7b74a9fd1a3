/** How the lines of a log file are written: CRI's `<time> <stream> <tags> <text>`, or Docker's JSON. */
export type LogFormat = "cri" | "docker";
export type LogStream = "stdout" | "stderr";

/** One raw line, understood. */
export interface LogLine {
  readonly time: LogTime;
  readonly stream: LogStream;
  /** What the container wrote: ends in a newline unless the runtime cut the line here. */
  readonly text: Uint8Array;
}

/** Where the text of a CRI line begins, when its head is whole. */
export interface CriHead {
  readonly time: LogTime;
  readonly stream: LogStream;
  /** The newline that ends the raw line is not part of what the container wrote. */
  readonly partial: boolean;
  readonly textAt: number;
}

/** Wall time with nanoseconds, and the zone it was written in. */
export interface LogTime {
  /** Milliseconds since the epoch of the whole second. */
  readonly secondMs: number;
  readonly nanos: number;
  /** `2016-10-06T00:17:09.669794202Z`: always nine fractional digits. */
  readonly fixed: string;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const COLON = 0x3a;
const STAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(Z|[+-]\d\d:\d\d)$/;
/** The longest head that is looked for: stamp, stream and tags are far shorter. */
export const MAX_HEAD = 256;

/** @returns undefined when it is not RFC 3339 with an upper-case T, or not a real date */
export function parseLogTime(text: string): LogTime | undefined {
  const match = STAMP.exec(text);
  if (!match) return undefined;
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "", fraction = "", zone = ""] = match;
  const at = Date.UTC(+year, +month - 1, +day, +hour, +minute, +second);
  // Date.UTC carries 32 January over into February; a real date comes back as it went in.
  const back = new Date(at);
  if (back.getUTCMonth() !== +month - 1 || back.getUTCDate() !== +day || +hour > 23 || +minute > 59 || +second > 59)
    return undefined;
  const offsetMinutes = zone === "Z" ? 0 : (zone.startsWith("-") ? -1 : 1) * (+zone.slice(1, 3) * 60 + +zone.slice(4));
  const digits = fraction.slice(0, 9).padEnd(9, "0");
  return {
    secondMs: at - offsetMinutes * 60_000,
    nanos: +digits,
    fixed: `${text.slice(0, 19)}.${digits}${offsetMinutes === 0 ? "Z" : zone}`,
  };
}

/** @returns undefined when `line` does not begin like a CRI log line */
export function parseCriHead(line: Uint8Array): CriHead | undefined {
  const timeEnd = spaceAfter(line, 0);
  const streamEnd = timeEnd < 0 ? -1 : spaceAfter(line, timeEnd + 1);
  const tagsEnd = streamEnd < 0 ? -1 : spaceAfter(line, streamEnd + 1);
  if (tagsEnd < 0) return undefined;
  const stream = ascii(line, timeEnd + 1, streamEnd);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const time = parseLogTime(ascii(line, 0, timeEnd));
  if (time === undefined) return undefined;
  const afterTag = line[streamEnd + 2];
  const partial = line[streamEnd + 1] === 0x50 && (afterTag === SPACE || afterTag === COLON);
  return { time, stream, partial, textAt: tagsEnd + 1 };
}

/** `line` is whole, with its newline (the last line of a file may lack it). */
export function parseCriLine(line: Uint8Array): LogLine | undefined {
  const head = parseCriHead(line);
  if (head === undefined) return undefined;
  const end = head.partial && line[line.length - 1] === NEWLINE ? line.length - 1 : line.length;
  return { time: head.time, stream: head.stream, text: line.subarray(head.textAt, Math.max(end, head.textAt)) };
}

export function parseDockerLine(line: Uint8Array): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString("utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { log = "", stream, time } = value as { log?: unknown; stream?: unknown; time?: unknown };
    const at = typeof time === "string" ? parseLogTime(time) : undefined;
    if (typeof log !== "string" || at === undefined || (stream !== "stdout" && stream !== "stderr")) return undefined;
    return { time: at, stream, text: Buffer.from(log, "utf8") };
  } catch {
    return undefined;
  }
}

/** The format of a file, judged by its first line. */
export function detectFormat(firstLine: Uint8Array): LogFormat | undefined {
  if (parseCriHead(firstLine)) return "cri";
  return parseDockerLine(firstLine) ? "docker" : undefined;
}

/** -1 where `a` is earlier than `b`. */
export function compareLogTimes(a: LogTime, b: Pick<LogTime, "secondMs" | "nanos">): number {
  return Math.sign(a.secondMs - b.secondMs) || Math.sign(a.nanos - b.nanos);
}

function spaceAfter(line: Uint8Array, from: number): number {
  const end = Math.min(line.length, MAX_HEAD);
  for (let at = from; at < end; at++) {
    if (line[at] === SPACE) return at;
    if (line[at] === NEWLINE) return -1;
  }
  return -1;
}

function ascii(line: Uint8Array, start: number, end: number): string {
  return Buffer.from(line.buffer, line.byteOffset + start, end - start).toString("latin1");
}
