/** Makes the certificates of a cluster: EC keys, valid from an hour ago for a year. */
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { ALGORITHM, type Keys, makeKeys, pemOf, pemOfKey, x509 } from "../ec-keys.ts";

const HOUR_MS = 3600 * 1000;
const YEAR_MS = 365 * 24 * HOUR_MS;

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export interface Leaf extends Subject {
  readonly usages: readonly ("client" | "server")[];
  /** Names and addresses that a server answers to. */
  readonly hosts?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
}

/** PEM, both. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs certificates, made once and kept in memory; its pair goes where the API server and the signer of CSRs read it. */
export class Authority implements Pair {
  readonly cert: string;
  readonly key: string;
  readonly #certificate: x509.X509Certificate;
  readonly #privateKey: Keys["privateKey"];

  private constructor(certificate: x509.X509Certificate, privateKey: Keys["privateKey"], key: string) {
    this.cert = pemOf(certificate);
    this.key = key;
    this.#certificate = certificate;
    this.#privateKey = privateKey;
  }

  static async make(commonName: string): Promise<Authority> {
    const keys = await makeKeys();
    const name = nameOf({ commonName });
    const certificate = await x509.X509CertificateGenerator.create({
      ...lifetime({}),
      serialNumber: serial(),
      subject: name,
      issuer: name,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Authority(certificate, keys.privateKey, await pemOfKey(keys.privateKey));
  }

  /** Reads back what `make` has made, from the PEM of both. */
  static async read({ cert, key }: Pair): Promise<Authority> {
    const der = x509.PemConverter.decodeFirst(key);
    const privateKey = await webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, true, ["sign"]);
    return new Authority(new x509.X509Certificate(cert), privateKey, key);
  }

  async issue(leaf: Leaf): Promise<Pair> {
    const keys = await makeKeys();
    const usages = leaf.usages.map((usage) =>
      usage === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
    );
    const hosts = (leaf.hosts ?? []).map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const);
    const certificate = await x509.X509CertificateGenerator.create({
      ...lifetime(leaf),
      serialNumber: serial(),
      subject: nameOf(leaf),
      issuer: this.#certificate.subjectName,
      publicKey: keys.publicKey,
      signingKey: this.#privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(usages),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
        ...(hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(hosts)]),
      ],
    });
    return { cert: pemOf(certificate), key: await pemOfKey(keys.privateKey) };
  }
}

/** A key pair without a certificate: what service account tokens are signed with. */
export async function keyPair(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const keys = await makeKeys();
  const spki = await webcrypto.subtle.exportKey("spki", keys.publicKey);
  return {
    privateKey: await pemOfKey(keys.privateKey),
    publicKey: `${x509.PemConverter.encode(spki, "PUBLIC KEY")}\n`,
  };
}

function lifetime({ from, to }: Pick<Leaf, "from" | "to">): { notBefore: Date; notAfter: Date } {
  return { notBefore: from ?? new Date(Date.now() - HOUR_MS), notAfter: to ?? new Date(Date.now() + YEAR_MS) };
}

/** Positive, as X.509 wants it: the first bit stays clear. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(8));
  return `01${Buffer.from(bytes).toString("hex")}`;
}

/** Organizations first, as Go's certificates have them. */
function nameOf({ commonName, organizations = [] }: Subject): x509.JsonName {
  return [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }];
}
