import assert from "node:assert/strict";
import { test } from "node:test";
import { getCiphers } from "node:tls";
import { opensslCiphers, opensslGroups, tlsVersion } from "./tls-names.ts";

const names: readonly [go: string, openssl: string][] = [
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
  ["TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"],
  ["TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"],
];
for (const [go, openssl] of names) {
  test(`opensslCiphers() knows ${go}`, () => {
    assert.equal(opensslCiphers([go])?.split(":").at(-1), openssl);
    assert.ok(getCiphers().includes(openssl.toLowerCase()), openssl);
  });
}

test("opensslCiphers() leaves the default alone and TLS 1.3 on", () => {
  assert.equal(opensslCiphers([]), undefined);
  const one = "TLS_AES_128_GCM_SHA256";
  assert.equal(opensslCiphers([one]), "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
});

test("tlsVersion() and opensslGroups() translate", () => {
  assert.deepEqual(["VersionTLS13", "VersionTLS10", ""].map(tlsVersion), ["TLSv1.3", "TLSv1", "TLSv1.2"]);
  assert.equal(opensslGroups([4588, 29, 23]), "X25519MLKEM768:X25519:P-256");
  assert.equal(opensslGroups([]), undefined);
});
