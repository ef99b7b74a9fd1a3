import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, webcrypto } from "node:crypto";
import { promisify } from "node:util";
import type { CertificateRequest, Keys } from "../../ports/keys.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/** Keys by node:crypto. The X.509 library is loaded only to ask for a certificate, which a node does once or twice a year. */
export function createKeys(): Keys {
  return { make, request };
}

async function make(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "sec1", format: "pem" }) as string;
}

async function request(key: string, wish: CertificateRequest): Promise<string> {
  await import("reflect-metadata"); // the library looks for it while it loads
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as Crypto);
  const privateKey = createPrivateKey(key);
  const algorithm = privateKey.asymmetricKeyType === "rsa" ? RSA : EC;
  const names = [
    ...wish.dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...wish.ipAddresses.map((value) => ({ type: "ip" as const, value })),
  ];
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    // In Go's order: organizations, then the common name.
    name: [...wish.organizations.map((name) => ({ O: [name] })), { CN: [wish.commonName] }],
    keys: {
      privateKey: await imported(privateKey, "pkcs8", algorithm),
      publicKey: await imported(createPublicKey(privateKey), "spki", algorithm),
    },
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return `${made.toString("pem")}\n`;
}

const imported = (key: KeyObject, format: "pkcs8" | "spki", algorithm: typeof EC | typeof RSA) =>
  webcrypto.subtle.importKey(format, key.export({ type: format, format: "der" }), algorithm, true, [
    format === "spki" ? "verify" : "sign",
  ]);
