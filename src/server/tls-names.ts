import type { TlsSettings } from "../ports/http-server.ts";

const VERSIONS: { readonly [name: string]: TlsSettings["minVersion"] } = {
  VersionTLS10: "TLSv1",
  VersionTLS11: "TLSv1.1",
  VersionTLS12: "TLSv1.2",
  VersionTLS13: "TLSv1.3",
};
/** IANA numbers of the groups that Go knows. */
const GROUPS: { readonly [id: number]: string } = {
  23: "P-256",
  24: "P-384",
  25: "P-521",
  29: "X25519",
  4587: "SecP256r1MLKEM768",
  4588: "X25519MLKEM768",
  4589: "SecP384r1MLKEM1024",
};
const TLS13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** Upstream's default, TLS 1.2, for an empty name. */
export const tlsVersion = (name: string): TlsSettings["minVersion"] => VERSIONS[name] ?? "TLSv1.2";

/** Go's names of cipher suites as an OpenSSL list; undefined for an empty list. Those of TLS 1.3 are always on, as in Go. */
export function opensslCiphers(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  return [...TLS13, ...names.filter((name) => !TLS13.includes(name)).map(opensslCipher)].join(":");
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` -> `ECDHE-RSA-AES128-GCM-SHA256` */
function opensslCipher(name: string): string {
  const [exchange = "", cipher = ""] = name.replace(/^TLS_/, "").split("_WITH_");
  const short = cipher
    .replace(/^(CHACHA20_POLY1305)_SHA256$/, "$1")
    .replace(/^3DES_EDE_CBC/, "DES-CBC3")
    .replace("RC4_128", "RC4")
    .replace(/AES_(\d+)/, "AES$1")
    .replace("_CBC_SHA", "_SHA")
    .replaceAll("_", "-");
  return exchange === "RSA" ? short : `${exchange.replaceAll("_", "-")}-${short}`;
}

export function opensslGroups(ids: readonly number[]): string | undefined {
  return ids.length === 0 ? undefined : ids.map((id) => GROUPS[id] ?? `${id}`).join(":");
}
