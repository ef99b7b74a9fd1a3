import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { issue } from "../../test/support/certificates.ts";
import { canonicalIp, readCertificates, readKeyPair, subjectValues, validityTrouble } from "./certificate.ts";

test("readKeyPair() finds certificates and key in one text, whatever stands around them", async () => {
  const ca = await issue({ commonName: "ca", ca: true });
  const leaf = await issue({
    commonName: "system:node:n",
    organizations: ["system:nodes"],
    by: ca,
    dns: "n.example.com",
  });
  const text = `Subject: leaf\n${leaf.cert}\n# chain\n${ca.cert}${leaf.key}\n`;
  const pair = readKeyPair(text, text);
  assert.equal(pair.cert.trim(), `${leaf.cert.trim()}\n${ca.cert.trim()}`);
  assert.equal(pair.key, leaf.key);
  assert.deepEqual(
    { ...pair.facts, notBefore: 0, notAfter: 0 },
    {
      commonName: "system:node:n",
      organizations: ["system:nodes"],
      dnsNames: ["n.example.com"],
      ipAddresses: [],
      notBefore: 0,
      notAfter: 0,
    },
  );
  assert.deepEqual(
    readCertificates(text).map(({ commonName }) => commonName),
    ["system:node:n", "ca"],
  );
});

test("what is no certificate or key is refused in words", async () => {
  const { cert, key } = await issue({ commonName: "a" });
  const other = await issue({ commonName: "b" });
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  const brokenKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
  const cases: readonly [string, string, RegExp][] = [
    ["", key, /^holds no PEM certificate$/],
    [broken, key, /^holds a certificate that can't be read$/],
    [cert, "", /^holds no PEM private key/],
    [cert, brokenKey, /^holds a private key that can't be read$/],
    [cert, other.key, /^holds a private key that is not the certificate's$/],
    [cert.repeat(3000), key, /^holds no PEM certificate$/],
  ];
  for (const [certText, keyText, message] of cases) assert.throws(() => readKeyPair(certText, keyText), { message });
});

test("a text full of beginnings is read once, not from each of them", () => {
  // It would take minutes.
  const text = "-----BEGIN CERTIFICATE-----\n".repeat(37_000);
  assert.throws(() => readCertificates(text), /holds no PEM certificate/);
});

test("validityTrouble() names certificate, times and what to do", () => {
  const facts = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2027-01-01T00:00:00Z") };
  const at = (time: string) =>
    validityTrouble(
      "Client certificate /c.pem",
      { ...facts, commonName: "", organizations: [], dnsNames: [], ipAddresses: [] },
      new Date(time),
    );
  assert.equal(at("2026-06-01T00:00:00Z"), undefined);
  assert.equal(
    at("2027-01-01T00:01:30Z"),
    "Client certificate /c.pem expired at 2027-01-01T00:00:00Z, 1m30s ago: the clock of this node says 2027-01-01T00:01:30Z; if that is right, a new certificate is needed",
  );
  assert.equal(
    at("2025-12-31T23:00:00Z"),
    "Client certificate /c.pem is not valid before 2026-01-01T00:00:00Z, in 1h0m0s: the clock of this node says 2025-12-31T23:00:00Z; if that is wrong, set the clock, else wait",
  );
});

test("canonicalIp() spells each address one way, and leaves the rest", () => {
  for (const [text, expected] of [
    ["10.0.0.1", "10.0.0.1"],
    ["FD00:0:0:0:0:0:0:1", "fd00::1"],
    ["::ffff:1.2.3.4", "::ffff:102:304"],
    ["no address", "no address"],
  ] as const)
    assert.equal(canonicalIp(text), expected);
  fc.assert(fc.property(fc.ipV6(), (ip) => canonicalIp(canonicalIp(ip)) === canonicalIp(ip)));
  fc.assert(fc.property(fc.string(), (text) => typeof canonicalIp(text) === "string"));
});

test("subjectValues() reads what the text of a subject escapes", () => {
  const subject = "CN=one\nCN=two + O=a\\+b\\, \\0A O=x\nO=\\ lead\nOU=no\nO=\\\\\nO=";
  assert.deepEqual(subjectValues({ subject }, "CN"), ["one", "two"]);
  assert.deepEqual(subjectValues({ subject }, "O"), ["a+b, \n O=x", " lead", "\\", ""]);
});
