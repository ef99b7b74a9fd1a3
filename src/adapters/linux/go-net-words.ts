/** Why a connection did not come about or broke, in the words that Go's net package has for it. */
const CONNECT: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "connect: connection timed out",
  EADDRNOTAVAIL: "connect: cannot assign requested address",
  EINVAL: "connect: invalid argument",
  EACCES: "connect: permission denied",
};

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** `dial tcp 10.0.0.1:80: connect: connection refused` */
export function dialText(address: string, error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    const host = address.replace(/:\d+$/, "");
    return `dial tcp: lookup ${host}: ${code === "ENOTFOUND" ? "no such host" : "server misbehaving"}`;
  }
  return `dial tcp ${address}: ${CONNECT[code] ?? textOf(error)}`;
}

/** What happened on a connection that stood. */
export function readText(error: unknown): string {
  const code = codeOf(error);
  if (code === "ECONNRESET") {
    return error instanceof Error && error.message === "socket hang up" ? "EOF" : "read: connection reset by peer";
  }
  if (code === "EPIPE") return "write: broken pipe";
  if (code === "EPROTO" || code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return "tls: first record does not look like a TLS handshake";
  }
  if (code.startsWith("HPE_")) return `net/http: HTTP/1.x transport connection broken: ${textOf(error)}`;
  return textOf(error);
}

/** `host:port`, with brackets around an IPv6 address. */
export const joinHostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
