import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import type { HttpHandler, HttpPeer, HttpReply, HttpRequest } from "../../ports/http-server.ts";

/** Makes values of Node's requests and answers them with the handler's values. */
export function exchangeWith(
  handler: HttpHandler,
  peerOf: (message: IncomingMessage) => HttpPeer,
  log: Log,
): RequestListener {
  return (message, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    void exchange(message, response, { handler, peerOf, signal: gone.signal }).catch((error: unknown) => {
      if (gone.signal.aborted) return;
      log.error("Request failed", { method: message.method, path: pathOf(message)?.[0], err: messageOf(error) });
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end("Internal Server Error\n");
    });
  };
}

interface ExchangeDeps {
  readonly handler: HttpHandler;
  readonly peerOf: (message: IncomingMessage) => HttpPeer;
  readonly signal: AbortSignal;
}

async function exchange(
  message: IncomingMessage,
  response: ServerResponse,
  { handler, peerOf, signal }: ExchangeDeps,
): Promise<void> {
  const target = pathOf(message);
  if (target === undefined) {
    response.writeHead(400, { connection: "close" }).end("400 Bad Request: the request target is no path\n");
    return;
  }
  // No route reads a body. One that was sent is dropped with the connection instead of being read to its end.
  const hasBody = message.headers["content-length"] !== undefined || message.headers["transfer-encoding"] !== undefined;
  const request: HttpRequest = {
    method: message.method ?? "",
    path: target[0],
    query: new URLSearchParams(target[1]),
    headers: message.headers,
    peer: peerOf(message),
  };
  const reply = await handler(request, signal);
  const headers = hasBody ? { ...reply.headers, connection: "close" } : reply.headers;
  await send(response, { ...reply, headers }, message.method === "HEAD", signal);
}

async function send(
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
