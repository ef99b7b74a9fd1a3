import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import type { HttpHandler, HttpPeer, HttpReply, HttpRequest } from "../../ports/http-server.ts";

export interface ExchangeDeps {
  readonly handler: HttpHandler;
  readonly peerOf: (message: IncomingMessage) => HttpPeer;
  readonly log: Log;
}

/** Makes values of Node's requests and answers them with the handler's values. */
export function exchangeWith({ handler, peerOf, log }: ExchangeDeps): RequestListener {
  return (message, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const { signal } = gone;
    const exchange = async () => {
      const request = requestOf(message, peerOf);
      if (request === undefined) return void sendBadTarget(response);
      const reply = await handler(request, signal);
      if ("to" in reply) throw new TypeError("a request that asks for no upgrade was answered with one");
      // No route reads a body. One that was sent is dropped with the connection instead of being read to its end.
      const headers = hasBody(message) ? { ...reply.headers, connection: "close" } : reply.headers;
      await send(response, { ...reply, headers }, message.method === "HEAD", signal);
    };
    void exchange().catch((error: unknown) => {
      if (!signal.aborted) sendFailure(message, response, error, log);
    });
  };
}

/** undefined: the target is no path. */
export function requestOf(message: IncomingMessage, peerOf: ExchangeDeps["peerOf"]): HttpRequest | undefined {
  const target = pathOf(message);
  return (
    target && {
      method: message.method ?? "",
      path: target[0],
      query: new URLSearchParams(target[1]),
      headers: message.headers,
      peer: peerOf(message),
    }
  );
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined;
}

export function sendBadTarget(response: ServerResponse): void {
  response.writeHead(400, { connection: "close" }).end("400 Bad Request: the request target is no path\n");
}

/** What went wrong is for the log. */
export function sendFailure(message: IncomingMessage, response: ServerResponse, error: unknown, log: Log): void {
  log.error("Request failed", { method: message.method, path: pathOf(message)?.[0], err: messageOf(error) });
  if (response.headersSent) response.destroy();
  else response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end("Internal Server Error\n");
}

export async function send(
  response: ServerResponse,
  { status, headers, body }: HttpReply,
  headOnly: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (typeof body === "string" || body instanceof Uint8Array) {
    response
      .writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
      .end(headOnly ? undefined : body);
    return;
  }
  response.writeHead(status, headers);
  if (!headOnly) {
    // A follower sees at once that it was let in.
    response.flushHeaders();
    for await (const chunk of body) {
      if (signal.aborted) return;
      if (!response.write(chunk)) await once(response, "drain", { signal });
    }
  }
  response.end();
}

/** Path and query as sent; undefined when the target is neither a path nor a URL. */
function pathOf({ url = "" }: IncomingMessage): readonly [path: string, query: string] | undefined {
  if (!url.startsWith("/")) {
    if (!URL.canParse(url)) return undefined;
    const { pathname, search } = new URL(url);
    return [pathname, search.slice(1)];
  }
  const mark = url.indexOf("?");
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
}
