/** EC keys on P-256 and their PEM, for certificates of tests and clusters. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** To be imported from here: the package loads only after reflect-metadata. */
export { x509 };

export const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
x509.cryptoProvider.set(webcrypto as Crypto);

export type Keys = Awaited<ReturnType<typeof makeKeys>>;
export const makeKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

export const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`;

export async function pemOfKey(key: Keys["privateKey"]): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}
