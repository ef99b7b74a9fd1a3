import type { X509Certificate } from "node:crypto";

/** Who is at the other end. `local`: the root-only socket. `plain`: no TLS, nothing is known. */
export type HttpPeer =
  | { readonly kind: "local" }
  | { readonly kind: "plain" }
  | {
      readonly kind: "tls";
      /** What the client sent, leaf first; empty when it sent none. */
      readonly chain: readonly X509Certificate[];
      /** The handshake found a path to one of the client CAs of that moment. */
      readonly verified: boolean;
    };

export interface HttpRequest {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  readonly peer: HttpPeer;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** A stream is pulled only as fast as the client reads, and closed when the client goes away. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** How the bytes of an upgraded connection get to the container runtime's streaming server and back. */
export type Passage =
  /** As they are; the runtime speaks the client's protocol (SPDY/3.1, or the older WebSocket ones). */
  | { readonly kind: "bytes" }
  /** WebSocket `v5.channel.k8s.io` in front, SPDY/3.1 with these streams behind. */
  | {
      readonly kind: "channels";
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly tty: boolean;
    }
  /** A whole SPDY/3.1 connection inside a WebSocket (`SPDY/3.1+portforward.k8s.io`). */
  | { readonly kind: "tunnel" };

/** The connection speaks another protocol from here on. Only for a request that asks for it (`upgradeOf` in base). */
export interface HttpUpgrade {
  /** URL of the runtime's streaming server, good for one connection. */
  readonly to: string;
  readonly passage: Passage;
}

/**
 * `signal` aborts when the exchange is over: all is sent, the client went away, or the listener closes. A throw becomes a 500 without details. An upgrade is answered by the
 * streaming server: with its 101, or with what it says instead; where it can't be reached, by a 500 with the reason.
 */
export type HttpHandler = (request: HttpRequest, signal: AbortSignal) => Promise<HttpReply | HttpUpgrade>;

/** PEM texts. */
export interface ServingPair {
  readonly cert: string;
  readonly key: string;
}

export interface TlsSettings {
  /** undefined: there is none yet, and handshakes fail. */
  readonly pair: ServingPair | undefined;
  /** PEM bundle. undefined: client certificates are not asked for. */
  readonly clientCa: string | undefined;
  readonly minVersion: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** OpenSSL names joined by ":"; undefined: the default. */
  readonly ciphers: string | undefined;
  /** OpenSSL group names joined by ":"; undefined: the default. */
  readonly curves: string | undefined;
}

export interface TcpAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Closing stops accepting, ends open connections and waits for them. */
export interface HttpListener extends AsyncDisposable {
  /** `127.0.0.1:10248`, or the path of the socket. */
  readonly address: string;
}
export interface TlsListener extends HttpListener {
  /** For connections from now on. */
  update(settings: TlsSettings): void;
}

/** Listeners. @throws KubeletError `start-refused` that names the address and, where the kernel tells, who holds it. */
export interface HttpServers {
  plain(at: TcpAddress, handler: HttpHandler): Promise<HttpListener>;
  tls(at: TcpAddress, settings: TlsSettings, handler: HttpHandler): Promise<TlsListener>;
  /** A root-only (0600) unix socket. Replaces one that nobody serves; refuses one that is served. */
  local(path: string, handler: HttpHandler): Promise<HttpListener>;
  /** A new key (RSA 2048) and certificate chain for `host`, signed by a throw-away CA, good for a year. Takes up to seconds, off the loop. */
  selfSigned(host: string, now: Date): Promise<ServingPair>;
}

export interface LocalReply {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}
/** The verbs' way to a running kubelet. */
export interface LocalClient {
  /** @throws KubeletError `file-failed`: ENOENT (no socket), ECONNREFUSED (nobody serves it), EACCES (not root), … */
  get(pathAndQuery: string, signal: AbortSignal): Promise<LocalReply>;
}
