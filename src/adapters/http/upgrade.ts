import { type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { messageOf } from "../../base/fault.ts";
import { subprotocolsOf, upgradeOf } from "../../base/upgrade.ts";
import type { HttpReply, HttpUpgrade } from "../../ports/http-server.ts";
import type { Arrival, Bridge } from "./bridge.ts";
import { dialUpgrade } from "./dial.ts";
import { type ExchangeDeps, hasBody, requestOf, send, sendBadTarget, sendFailure } from "./exchange.ts";
import { LAST_WORDS_MS, splice } from "./splice.ts";

/** Together, over all that was upgraded on one listener. */
const MAX_UPGRADED = 10_000;
/** A token in a subprotocol is for us alone. */
const BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

/** For the server's options: all other requests that speak of an upgrade (`h2c` of some clients) are answered as if they didn't. */
export const shouldUpgrade = ({ headers }: { readonly headers: IncomingMessage["headers"] }): boolean =>
  upgradeOf(headers) !== undefined;

/**
 * Answers upgrade requests of `server`. They leave its care: each is closed by this. Returns what ends all of them.
 * `onCount` is told how many there are, at each change.
 */
export function upgradeWith(server: Server, deps: ExchangeDeps, onCount: (count: number) => void): () => void {
  const open = new Set<Socket>();
  server.on("upgrade", (message, stream, head) => {
    const client = stream as Socket;
    client.on("error", () => {});
    if (open.size >= MAX_UPGRADED) return void client.destroy();
    open.add(client);
    onCount(open.size);
    const gone = new AbortController();
    client.once("close", () => {
      open.delete(client);
      onCount(open.size);
      gone.abort(new DOMException("The client went away", "AbortError"));
    });
    let response: ServerResponse | undefined;
    const respond = () => {
      response ??= soleResponse(message, client);
      return response;
    };
    void exchange({ message, client, head, response: respond }, deps, gone.signal);
  });
  return () => {
    for (const client of open) client.destroy();
  };
}

interface Request extends Arrival {
  /** For an answer in HTTP; the connection is closed behind it. Always the same one. */
  readonly response: () => ServerResponse;
}

async function exchange(arrival: Request, deps: ExchangeDeps, signal: AbortSignal): Promise<void> {
  const { message } = arrival;
  try {
    const request = requestOf(message, deps.peerOf);
    if (request === undefined) return sendBadTarget(arrival.response());
    // Its bytes would be taken for the first ones of the new protocol.
    if (hasBody(message))
      return await refuse(arrival, 400, "400 Bad Request: an upgrade request has no body\n", signal);
    const reply = await deps.handler(request, signal);
    if ("to" in reply) return await pass(reply, arrival, deps, signal);
    await send(arrival.response(), reply, message.method === "HEAD", signal);
  } catch (error) {
    if (!signal.aborted) sendFailure(message, arrival.response(), error, deps.log);
  }
}

/** Node makes none for an upgrade request. */
function soleResponse(message: IncomingMessage, client: Socket): ServerResponse {
  const response = new ServerResponse(message);
  response.shouldKeepAlive = false;
  response.assignSocket(client);
  response.once("finish", () => {
    response.detachSocket(client);
    hangUp(client);
  });
  return response;
}

/** Reads on, or the client's end would never be seen, and a reset could overtake the answer. Who does not end in return is ended. */
function hangUp(client: Socket): void {
  client.end();
  client.resume();
  const late = setTimeout(() => client.destroy(), LAST_WORDS_MS);
  client.once("close", () => clearTimeout(late));
}

const refuse = (arrival: Request, status: number, body: string, signal: AbortSignal): Promise<void> =>
  send(arrival.response(), plain(status, body), false, signal);

const plain = (status: number, body: string): HttpReply => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body,
});

async function pass(
  { to, passage }: HttpUpgrade,
  arrival: Request,
  { log }: ExchangeDeps,
  signal: AbortSignal,
): Promise<void> {
  const bridge = passage.kind === "bytes" ? bytes : (await import("../spdy/index.ts")).bridgeFor(passage);
  const asked = bridge.request(arrival.message, headersFor(arrival.message));
  if ("problem" in asked) return await refuse(arrival, 400, `${asked.problem}\n`, signal);
  const dialed = await dialUpgrade(to, asked, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    log.error("Failed to reach the container runtime's streaming server", { err: messageOf(error) });
    return refuse(arrival, 500, `error dialing backend: ${messageOf(error)}\n`, signal);
  });
  if (dialed === undefined) return;
  if (dialed.kind === "refused") return await refusedBy(dialed.response, arrival, signal);
  // From here on the client's end is the other's end, whatever carries the bytes.
  arrival.client.once("close", () => dialed.socket.destroySoon());
  await bridge.carry(arrival, dialed);
}

async function refusedBy(response: IncomingMessage, arrival: Request, signal: AbortSignal): Promise<void> {
  const { statusCode = 500 } = response;
  if (statusCode < 400) {
    response.destroy();
    return await refuse(arrival, 500, `invalid upgrade response: status code ${statusCode}\n`, signal);
  }
  const type = response.headers["content-type"];
  const headers = type === undefined ? {} : { "content-type": type };
  await send(arrival.response(), { status: statusCode, headers, body: response }, false, signal);
}

/** The runtime answers and speaks for itself. */
const bytes: Bridge = {
  request: ({ method = "GET" }, headers) => ({ method, headers }),
  async carry({ client, head }, { response, socket, head: early }) {
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${linesOf(response.rawHeaders)}\r\n`, "latin1");
    if (early.length > 0) client.write(early);
    if (head.length > 0) socket.write(head);
    await splice(client, socket);
  },
};

const linesOf = (raw: readonly string[]): string =>
  raw.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1] ?? ""}\r\n`] : [])).join("");

/** The client's headers, several of one name as they came, without what proves who it is, and with where it comes from. */
export function headersFor({ rawHeaders, headers, socket }: IncomingMessage): Map<string, string[]> {
  const sent = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (name === "authorization" || name === "sec-websocket-protocol") continue;
    sent.set(name, [...(sent.get(name) ?? []), rawHeaders[at + 1] ?? ""]);
  }
  const protocols = subprotocolsOf(headers).filter((name) => !name.startsWith(BEARER_PROTOCOL));
  if (protocols.length > 0) sent.set("sec-websocket-protocol", [protocols.join(", ")]);
  const from = [headers["x-forwarded-for"] ?? [], socket.remoteAddress ?? []].flat();
  if (from.length > 0) sent.set("x-forwarded-for", [from.join(", ")]);
  return sent;
}
