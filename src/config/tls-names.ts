import { hint } from "./suggest.ts";

/** Names of Go's crypto/tls, those it calls insecure too, and the two old spellings that upstream keeps. */
const CIPHERS: readonly string[] = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  ...["ECDSA", "RSA"].flatMap((key) => [
    ...["AES_128_CBC_SHA", "AES_256_CBC_SHA", "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "AES_128_CBC_SHA256"].map(
      (cipher) => `TLS_ECDHE_${key}_WITH_${cipher}`,
    ),
    `TLS_ECDHE_${key}_WITH_CHACHA20_POLY1305_SHA256`,
    `TLS_ECDHE_${key}_WITH_CHACHA20_POLY1305`,
    `TLS_ECDHE_${key}_WITH_RC4_128_SHA`,
  ]),
  "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
  ...[
    "RC4_128_SHA",
    "3DES_EDE_CBC_SHA",
    "AES_128_CBC_SHA",
    "AES_256_CBC_SHA",
    "AES_128_CBC_SHA256",
    "AES_128_GCM_SHA256",
    "AES_256_GCM_SHA384",
  ].map((cipher) => `TLS_RSA_WITH_${cipher}`),
];
/** P-256, P-384, P-521, X25519, and the hybrids with ML-KEM. */
const CURVES: readonly number[] = [23, 24, 25, 29, 4587, 4588, 4589];

export function ciphersProblem(names: readonly string[]): string | undefined {
  const wrong = names.find((name) => !CIPHERS.includes(name));
  return wrong === undefined ? undefined : `has no cipher suite "${wrong}"${hint(wrong, CIPHERS)}`;
}

export function curvesProblem(ids: readonly number[]): string | undefined {
  for (const [index, id] of ids.entries()) {
    if (id < 1 || id > 65535) return `must hold numbers from 1 to 65535, got ${id}`;
    if (ids.indexOf(id) !== index) return `names ${id} twice`;
    if (!CURVES.includes(id)) return `does not know group ${id}; known are ${CURVES.join(", ")}`;
  }
  return undefined;
}
