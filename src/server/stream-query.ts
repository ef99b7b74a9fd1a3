import { subprotocolsOf, upgradeOf } from "../base/upgrade.ts";
import type { AttachRequest } from "../model/runtime.ts";
import type { HttpRequest, Passage } from "../ports/http-server.ts";

/** WebSocket with stdin's end as a message: the kubelet translates it, no runtime speaks it. */
const CHANNELS_V5 = "v5.channel.k8s.io";
const TUNNEL = "SPDY/3.1+portforward.k8s.io";

export type Asked<T> = T | { readonly problem: string };

/** The streams that exec and attach ask for; only `1` counts, and a terminal has no separate stderr. Texts are upstream's. */
export function streamsOf(query: URLSearchParams): Asked<AttachRequest> {
  const on = (name: string): boolean => query.get(name) === "1";
  const tty = on("tty");
  const streams = { stdin: on("input"), stdout: on("output"), stderr: on("error") && !tty, tty };
  return streams.stdin || streams.stdout || streams.stderr
    ? streams
    : { problem: "you must specify at least 1 of stdin, stdout, stderr" };
}

/** The ports in the query of a plain WebSocket; SPDY, and the tunnel of one, name theirs per stream. Texts are upstream's. */
export function portsOf(
  { headers, query }: Pick<HttpRequest, "headers" | "query">,
  translates: boolean,
): Asked<readonly number[]> {
  if (upgradeOf(headers) !== "websocket" || (translates && subprotocolsOf(headers).includes(TUNNEL))) return [];
  const texts = query.getAll("port");
  if (texts.length === 0) return { problem: 'query parameter "port" is required' };
  const ports: number[] = [];
  for (const text of texts) {
    if (text === "") return { problem: 'query parameter "port" cannot be empty' };
    for (const part of text.split(",")) {
      const port = /^\d{1,5}$/.test(part) ? Number(part) : Number.NaN;
      if (!(port <= 65535)) return { problem: `unable to parse ${JSON.stringify(text)} as a port` };
      if (port < 1) return { problem: `port ${JSON.stringify(text)} must be > 0` };
      ports.push(port);
    }
  }
  return ports;
}

/** How the connection gets to the runtime. `streams`: of exec and attach. `translates`: gate ExtendWebSocketsToKubelet. */
export function passageOf(
  { headers }: Pick<HttpRequest, "headers">,
  streams: AttachRequest | undefined,
  translates: boolean,
): Passage {
  if (!translates || upgradeOf(headers) !== "websocket") return { kind: "bytes" };
  const offered = subprotocolsOf(headers);
  if (streams === undefined) return offered.includes(TUNNEL) ? { kind: "tunnel" } : { kind: "bytes" };
  const { stdin, stdout, stderr, tty } = streams;
  return offered.includes(CHANNELS_V5) ? { kind: "channels", stdin, stdout, stderr, tty } : { kind: "bytes" };
}
