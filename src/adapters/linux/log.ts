import type { Log, LogFields } from "../../base/log.ts";
import { type Severity, withPriority } from "./journal.ts";

export interface LogOptions {
  readonly format: "text" | "json";
  /** `-v`: debug lines of this level and below are shown. */
  readonly verbosity: number;
  /** `--vmodule`: component pattern (`*` for anything) -> verbosity there. The component is the log's field `component`. */
  readonly vmodule?: readonly { readonly pattern: string; readonly verbosity: number }[];
  /** Takes one line, with its newline. */
  readonly write: (line: string) => void;
  /** Lines go to the journal: each begins with its priority. */
  readonly journal?: boolean;
  readonly now?: () => Date;
  readonly pid?: number;
}

/** JavaScript can't tell file and line cheaply, which klog puts in each line: the name of the component stands there instead. */
const NO_COMPONENT = "kubelet";

/** klog's formats, so that what reads a kubelet's log reads ours. */
export function createLog(options: LogOptions): Log {
  const { verbosity, vmodule = [], write, journal = false, now = () => new Date(), pid = process.pid } = options;
  const patterns = vmodule.map(({ pattern, verbosity: level }) => ({ matches: globOf(pattern), level }));
  const format = options.format === "json" ? jsonLine : textLine;

  function under(held: LogFields): Log {
    const component = typeof held.component === "string" ? held.component : NO_COMPONENT;
    const highest = patterns.find(({ matches }) => matches.test(component))?.level ?? verbosity;
    const line = (severity: Severity, level: number, message: string, fields: LogFields | undefined) => {
      const { component: _, ...rest } = { ...held, ...fields };
      const text = format({ severity, level, message, component, at: now(), pid, fields: rest });
      write(journal ? withPriority(text, severity) : text);
    };
    return {
      error: (message, fields) => line("E", 0, message, fields),
      warn: (message, fields) => line("W", 0, message, fields),
      info: (message, fields) => line("I", 0, message, fields),
      debug: (level, message, fields) => {
        if (level <= highest) line("I", level, message, fields);
      },
      with: (fields) => under({ ...held, ...fields }),
    };
  }
  return under({});
}

interface Entry {
  readonly severity: Severity;
  readonly level: number;
  readonly message: string;
  readonly component: string;
  readonly at: Date;
  readonly pid: number;
  readonly fields: LogFields;
}

/** `I1124 18:00:00.000000    4711 kubelet] "Msg" key="value"`. */
function textLine({ severity, message, component, at, pid, fields }: Entry): string {
  const date = `${two(at.getMonth() + 1)}${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const micros = `${at.getMilliseconds()}`.padStart(3, "0").padEnd(6, "0");
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${textValue(value)}`);
  return `${severity}${date} ${time}.${micros} ${`${pid}`.padStart(7)} ${component}] ${quoted(message)}${pairs.join("")}\n`;
}

/** One object a line: ts in milliseconds; `v` on info lines; errors as klog under `err`. */
function jsonLine({ severity, level, message, component, at, fields }: Entry): string {
  const head = { ts: at.getTime(), caller: component, msg: message };
  const graded = severity === "I" ? { v: level } : severity === "W" ? { v: 0, severity: "warning" } : {};
  const body = Object.entries(fields).map(([key, value]) => [key, jsonValue(value)]);
  return `${JSON.stringify({ ...head, ...graded, ...Object.fromEntries(body) })}\n`;
}

function textValue(value: unknown): string {
  if (value instanceof Error) return quoted(value.message);
  if (typeof value === "string") return quoted(value);
  if (value === undefined || value === null) return "null";
  return typeof value === "object" ? json(value) : `${value}`;
}

function jsonValue(value: unknown): unknown {
  if (value instanceof Error) return value.message;
  if (typeof value === "bigint") return `${value}`;
  return typeof value === "object" && value !== null ? JSON.parse(json(value)) : value;
}

/** A value that can't be written must not take the line with it. */
function json(value: object): string {
  try {
    return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}` : inner)) ?? "null";
  } catch {
    return '"(cannot be shown)"';
  }
}

/** Go's quoting for what matters: one line stays one line, and nothing in a value can pass for another field. */
const quoted = (text: string): string => JSON.stringify(text);

const two = (value: number): string => `${value}`.padStart(2, "0");

const globOf = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );
