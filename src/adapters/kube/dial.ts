import { isIP, type Socket } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { type Environment, proxyFor } from "./proxy.ts";
import type { Identity } from "./session.ts";

/** client-go's. */
const CONNECT_MS = 30_000;
const HANDSHAKE_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

/** Something took too long; `what` reads after "no answer to". */
export class SlowError extends Error {
  override readonly name = "SlowError";
}

/** A proxy said no. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
}

/** One connection to the API server, TLS included where its URL says so. node:net and node:tls are loaded at the first one. */
export async function dial(
  { endpoint, cert, key }: Identity,
  protocols: readonly string[],
  { env, signal }: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<Socket> {
  const server = new URL(endpoint.server);
  const isTls = server.protocol === "https:";
  const host = bareHost(server);
  const port = Number(server.port || (isTls ? 443 : 80));
  const proxy = proxyFor(server, endpoint.proxyUrl, env);
  const socket = proxy
    ? await throughProxy(proxy, `${server.hostname}:${port}`, signal)
    : await connect(host, port, signal);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.setNoDelay(true);
  if (!isTls) return socket;
  const name = endpoint.tlsServerName || (isIP(host) === 0 ? host : undefined);
  return secure(
    {
      socket,
      host,
      ALPNProtocols: [...protocols],
      rejectUnauthorized: endpoint.insecureSkipTlsVerify !== true,
      ...(name === undefined ? {} : { servername: name }),
      ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
    signal,
  );
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

async function connect(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const { connect } = process.getBuiltinModule("node:net");
  const socket = connect({ host, port });
  await opened(socket, { event: "connect", what: `connecting to ${host}:${port}`, ms: CONNECT_MS }, signal);
  return socket;
}

async function secure(
  options: ConnectionOptions & { readonly socket: Socket },
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { connect } = process.getBuiltinModule("node:tls");
  let secured: TLSSocket | undefined;
  try {
    // Throws for a certificate or a key that can't be read.
    secured = connect(options);
    await opened(secured, { event: "secureConnect", what: "the TLS handshake", ms: HANDSHAKE_MS }, signal);
    return secured;
  } catch (error) {
    secured?.destroy();
    options.socket.destroy();
    throw error;
  }
}

/** Waits for the event; on anything else the socket is destroyed. Errors that come later are whoever's took the socket over. */
async function opened(
  socket: Socket,
  { event, what, ms }: { readonly event: string; readonly what: string; readonly ms: number },
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
  const onAbort = () => reject(signal.reason);
  const timer = setTimeout(() => reject(new SlowError(`no answer to ${what} within ${ms / 1000} s`)), ms);
  socket.once(event, resolve).once("error", reject).once("close", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await promise;
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.off(event, resolve).off("error", reject).off("close", onClose);
  }
}

/** HTTP CONNECT. The URL of a proxy may hold a password: it is never shown. */
async function throughProxy(proxy: URL, target: string, signal: AbortSignal): Promise<Socket> {
  const shown = `${proxy.protocol}//${proxy.host}`;
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw new ProxyError(`the proxy ${shown} is of a kind that is not known: need http or https`);
  }
  const isTls = proxy.protocol === "https:";
  const host = bareHost(proxy);
  let socket = await connect(host, Number(proxy.port || (isTls ? 443 : 80)), signal);
  if (isTls) socket = await secure({ socket, host, ...(isIP(host) === 0 ? { servername: host } : {}) }, signal);
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization = proxy.username
    ? { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` }
    : {};
  const { request } = process.getBuiltinModule("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const asked = request({
    method: "CONNECT",
    path: target,
    headers: { host: target, ...authorization },
    createConnection: () => socket,
    timeout: CONNECT_MS,
    signal,
  });
  asked.once("connect", ({ statusCode = 0 }, tunnel: Socket) => {
    if (statusCode >= 200 && statusCode < 300) return resolve(tunnel);
    tunnel.destroy();
    reject(new ProxyError(`the proxy ${shown} does not connect to ${target}: it answered ${statusCode}`));
  });
  asked.once("timeout", () =>
    asked.destroy(new SlowError(`no answer of the proxy ${shown} within ${CONNECT_MS / 1000} s`)),
  );
  asked.on("error", reject);
  asked.end();
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}
