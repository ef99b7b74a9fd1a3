import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** Until the streaming server has answered. */
const PATIENCE_MS = 30_000;

export interface UpgradeRequest {
  readonly method: string;
  /** One line per value. */
  readonly headers: Iterable<readonly [name: string, values: readonly string[]]>;
}

export type Dialed =
  | { readonly kind: "upgraded"; readonly response: IncomingMessage; readonly socket: Socket; readonly head: Buffer }
  /** It said something else than 101. */
  | { readonly kind: "refused"; readonly response: IncomingMessage };

/** Asks a streaming server for an upgrade. @throws Error with its reason when it can't be reached or does not answer, `signal.reason` */
export async function dialUpgrade(to: string, asked: UpgradeRequest, signal: AbortSignal): Promise<Dialed> {
  const url = streamingUrl(to);
  const { request } = url.protocol === "https:" ? process.getBuiltinModule("node:https") : { request: httpRequest };
  const { promise, resolve, reject } = Promise.withResolvers<Dialed>();
  const call = request(url, { method: asked.method, agent: false, signal });
  for (const [name, values] of asked.headers) call.setHeader(name, values);
  call.setTimeout(PATIENCE_MS, () => call.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
  call.once("upgrade", (response, stream, head) => {
    const socket = stream as Socket;
    // Nobody else listens from here on. What follows is "close".
    socket.on("error", () => {});
    resolve({ kind: "upgraded", response, socket, head });
  });
  call.once("response", (response) => resolve({ kind: "refused", response }));
  call.on("error", reject);
  call.end();
  const dialed = await promise;
  if (dialed.kind === "upgraded") {
    dialed.socket.setTimeout(0);
    dialed.socket.setNoDelay(true);
  }
  return dialed;
}

/** The runtime names it; a URL without a scheme is plain HTTP, as upstream takes it. */
function streamingUrl(to: string): URL {
  const text = to.startsWith("//") ? `http:${to}` : to;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new Error(`the container runtime gave no usable URL: ${JSON.stringify(to.slice(0, 200))}`);
}
