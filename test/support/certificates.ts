import { webcrypto } from "node:crypto";
import { ALGORITHM, type Keys, makeKeys, pemOf, pemOfKey, x509 } from "../../scripts/lib/ec-keys.ts";

const DAY_MS = 24 * 3600 * 1000;

export interface Issued {
  readonly certificate: x509.X509Certificate;
  readonly keys: Keys;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Wish {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly ca?: boolean;
  readonly usage?: "client" | "server";
  readonly from?: Date;
  readonly to?: Date;
  readonly dns?: string;
  /** Absent: signed by itself. */
  readonly by?: Issued;
}

/** Makes real certificates for tests. */
export async function issue(wish: Wish): Promise<Issued> {
  const keys = await makeKeys();
  const subject = [{ CN: [wish.commonName] }, ...(wish.organizations ?? []).map((name) => ({ O: [name] }))];
  const usage = wish.usage === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    subject,
    issuer: wish.by?.certificate.subjectName ?? subject,
    publicKey: keys.publicKey,
    signingKey: wish.by?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: wish.from ?? new Date(Date.now() - DAY_MS),
    notAfter: wish.to ?? new Date(Date.now() + DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(wish.ca ?? false, undefined, true),
      ...(wish.ca ? [] : [new x509.ExtendedKeyUsageExtension([usage])]),
      ...(wish.dns === undefined ? [] : [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: wish.dns }])]),
    ],
  });
  return { certificate, keys, cert: pemOf(certificate), key: await pemOfKey(keys.privateKey) };
}
