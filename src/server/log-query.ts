import { type LogOptions, type LogTime, parseLogTime } from "../logs/index.ts";

export type LogQuery =
  | { readonly kind: "read"; readonly options: LogOptions; readonly previous: boolean }
  /** 400, 422: the bodies are upstream's. */
  | { readonly kind: "bad"; readonly status: 400 | 422; readonly body: string };

const UNDECODABLE: LogQuery = { kind: "bad", status: 400, body: '{"message": "Unable to decode query."}' };
const INVALID: LogQuery = { kind: "bad", status: 422, body: '{"message": "Invalid request."}' };
const INT64 = /^[+-]?\d{1,19}$/;

/** Reads the parameters of containerLogs as upstream's v1.PodLogOptions does. `splitStreams`: gate PodLogsQuerySplitStreams. */
export function parseLogQuery(query: URLSearchParams, now: Date, splitStreams: boolean): LogQuery {
  const numbers = {
    tailLines: wholeNumber(tailOf(query)),
    limitBytes: wholeNumber(query.get("limitBytes")),
    sinceSeconds: wholeNumber(query.get("sinceSeconds")),
  };
  const sinceTime = timeOf(query.get("sinceTime"));
  if (Object.values(numbers).includes("bad") || sinceTime === "bad") return UNDECODABLE;
  const { tailLines, limitBytes, sinceSeconds } = numbers as {
    readonly [name in keyof typeof numbers]: number | undefined;
  };
  const stream = query.get("stream") ?? "All";
  if (
    (tailLines !== undefined && tailLines < 0) ||
    (limitBytes !== undefined && limitBytes < 1) ||
    (sinceSeconds !== undefined && (sinceSeconds < 1 || query.has("sinceTime"))) ||
    !["All", "Stdout", "Stderr"].includes(stream) ||
    (stream !== "All" && tailLines !== undefined)
  ) {
    return INVALID;
  }
  if (stream !== "All" && !splitStreams) {
    const body = `unable to return the given log stream: "${stream}". Please enable PodLogsQuerySplitStreams feature gate in kubelet`;
    return { kind: "bad", status: 400, body };
  }
  return {
    kind: "read",
    previous: flag(query.get("previous")),
    options: {
      follow: flag(query.get("follow")),
      timestamps: flag(query.get("timestamps")),
      stream: stream === "Stdout" ? "stdout" : stream === "Stderr" ? "stderr" : "all",
      tailLines,
      limitBytes,
      since: sinceSeconds === undefined ? sinceTime : { secondMs: now.getTime() - sinceSeconds * 1000, nanos: 0 },
    },
  };
}

/** `tail` is the old name; `all` means no limit. */
function tailOf(query: URLSearchParams): string | null {
  const old = query.get("tail");
  if (old === "all") return null;
  return old ? old : query.get("tailLines");
}

function wholeNumber(value: string | null): number | undefined | "bad" {
  if (value === null) return undefined;
  return INT64.test(value) ? Number(value) : "bad";
}

function timeOf(value: string | null): LogTime | undefined | "bad" {
  if (value === null || value === "" || value === "null") return undefined;
  return parseLogTime(value) ?? "bad";
}

/** A parameter that is there is true, unless it says false or 0. */
const flag = (value: string | null): boolean => value !== null && value !== "0" && value.toLowerCase() !== "false";
