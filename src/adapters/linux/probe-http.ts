import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { HttpProbe, HttpProbeAnswer } from "../../ports/probing.ts";
import { REDIRECTS } from "../http/client-rules.ts";
import { joinHostPort, readText } from "./go-net-words.ts";
import { dial, type Line, lineOf, type ProbeTime } from "./probe-socket.ts";

const MAX_BODY = 10 * 1024;
const MAX_HEADERS = 1024 * 1024;
const MAX_REDIRECTS = 10;
const SWITCHING_PROTOCOLS = 101;
/** Go's words for the time that a client has for all of it. */
const TOO_LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";

/** GET, following redirects on the same host. @throws Error `Get "http://…": …` in Go's words, or `signal.reason` */
export async function getProbe(probe: HttpProbe, time: ProbeTime): Promise<HttpProbeAnswer> {
  let asked = probe;
  for (let redirects = 0; ; redirects++) {
    try {
      const { location, ...answer } = await getOnce(asked, time);
      if (location === undefined || !REDIRECTS.has(answer.status)) return answer;
      const next = new URL(location, urlOf(asked));
      if (hostOf(next) !== probe.host || !/^https?:$/.test(next.protocol)) return { ...answer, redirectedTo: location };
      if (redirects + 1 >= MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`);
      asked = redirected(asked, next);
    } catch (error) {
      if (time.signal.aborted && !time.isOver()) throw time.signal.reason;
      throw new Error(`Get "${urlOf(asked)}": ${wordsOf(error, time)}`, { cause: error });
    }
  }
}

function wordsOf(error: unknown, time: ProbeTime): string {
  const text = readText(error);
  if (!time.isOver()) return text;
  return text.startsWith("dial tcp") ? `${text} (Client.Timeout exceeded while awaiting headers)` : TOO_LATE;
}

async function getOnce(
  probe: HttpProbe,
  time: ProbeTime,
): Promise<HttpProbeAnswer & { readonly location: string | undefined }> {
  using plain = await dial(probe.host, probe.port, time);
  using line = probe.scheme === "https" ? await secured(plain.socket, probe.host, time) : plain;
  const response = await responseOn(line.socket, probe, time);
  const { statusCode: status = 0, headers } = response;
  // What follows is another protocol's, and never ends.
  const body = status === SWITCHING_PROTOCOLS ? "" : await bodyOf(response);
  return { status, body, location: headers.location };
}

/** Whoever answers is meant: the certificate is not looked at. */
async function secured(raw: Socket, host: string, { signal }: ProbeTime): Promise<Line> {
  const { connect } = process.getBuiltinModule("node:tls");
  const { isIP } = process.getBuiltinModule("node:net");
  const name = isIP(host) ? {} : { servername: host };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const socket = connect({ socket: raw, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"], ...name }, resolve);
  socket.on("error", reject);
  socket.once("close", () => reject(new Error("EOF")));
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return lineOf(raw, [raw, socket]);
}

async function responseOn(socket: Socket, probe: HttpProbe, { signal }: ProbeTime): Promise<IncomingMessage> {
  const { request } = process.getBuiltinModule("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({
    method: "GET",
    path: probe.path,
    headers: rawHeaders(probe),
    createConnection: () => socket,
    signal,
    maxHeaderSize: MAX_HEADERS,
    // As lenient as Go: the answer is only looked at, never passed on.
    insecureHTTPParser: true,
  });
  // An upgrade that nobody had asked for is an answer as well: without a listener Node would tell neither of it nor of an error, ever.
  sent.on("response", resolve).on("upgrade", resolve).on("error", reject).end();
  return promise;
}

/** Names and values in turn: a name may come more than once. */
function rawHeaders({ host, port, headers }: HttpProbe): string[] {
  const hosts = headers.filter(({ name }) => name.toLowerCase() === "host");
  const others = headers.filter(({ name }) => name.toLowerCase() !== "host");
  return [
    "Host",
    hosts[0]?.value || joinHostPort(host, port),
    ...others.flatMap(({ name, value }) => [name, value]),
    "Connection",
    "close",
  ];
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let left = MAX_BODY;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

const urlOf = ({ scheme, host, port, path }: HttpProbe): string => `${scheme}://${joinHostPort(host, port)}${path}`;
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

/** A Host header of the probe's stays with the host that it was meant for. */
function redirected(probe: HttpProbe, { protocol, port, pathname, search }: URL): HttpProbe {
  const scheme = protocol === "https:" ? "https" : "http";
  const number = port === "" ? (scheme === "https" ? 443 : 80) : Number(port);
  return { ...probe, scheme, port: number, path: `${pathname}${search}` };
}
