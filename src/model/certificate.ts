import { createPrivateKey, X509Certificate } from "node:crypto";
import { goDuration } from "../base/go-duration.ts";
import { millis, seconds } from "../base/units.ts";

/** What the node's own certificates are judged by. */
export interface CertificateFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  /** As URLs write them: `10.0.0.1`, `fd00::1`. */
  readonly ipAddresses: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate with its key. Never log. */
export interface KeyPair {
  /** PEM: leaf, then intermediates. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** Of the leaf. */
  readonly facts: CertificateFacts;
}

/** Longest PEM text that is taken for a certificate with its chain, and a key. */
export const MAX_PEM = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const KEY = /-----BEGIN (?:EC |RSA |)PRIVATE KEY-----[^-]+-----END (?:EC |RSA |)PRIVATE KEY-----/;

/** The facts of each certificate of a PEM text, in order. @throws Error that says what is wrong, made to follow the file's name */
export function readCertificates(pem: string): readonly CertificateFacts[] {
  return chainOf(pem).map(factsOf);
}

/**
 * Finds certificates and key, which may stand in one text, and checks that they belong together.
 * @throws Error that says what is wrong, made to follow the file's name
 */
export function readKeyPair(certText: string, keyText: string): KeyPair {
  const chain = chainOf(certText);
  const [leaf] = chain;
  const key = KEY.exec(keyText)?.[0];
  if (leaf === undefined) throw new Error("holds no PEM certificate");
  if (key === undefined) throw new Error("holds no PEM private key that can be used (encrypted ones can't)");
  const privateKey = attempt(() => createPrivateKey(key), "holds a private key that can't be read");
  if (!leaf.checkPrivateKey(privateKey)) throw new Error("holds a private key that is not the certificate's");
  return { cert: `${certText.match(CERTIFICATE)?.join("\n")}\n`, key: `${key}\n`, facts: factsOf(leaf) };
}

function chainOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.length > MAX_PEM ? [] : (pem.match(CERTIFICATE) ?? []);
  if (blocks.length === 0) throw new Error("holds no PEM certificate");
  return blocks.map((block) => attempt(() => new X509Certificate(block), "holds a certificate that can't be read"));
}

function attempt<T>(read: () => T, problem: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(problem, { cause });
  }
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  const names = (certificate.subjectAltName ?? "").split(", ");
  const ofKind = (kind: string) => names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
  return {
    commonName: subjectValues(certificate, "CN").at(-1) ?? "",
    organizations: subjectValues(certificate, "O"),
    dnsNames: ofKind("DNS:"),
    ipAddresses: ofKind("IP Address:").map(canonicalIp),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  };
}

/**
 * All values of one attribute of the subject, unescaped. Read from the text: toLegacyObject() loads parts of node:tls in an order that leaves it
 * broken for the whole process, unless it was loaded before (Node 26.10).
 */
export function subjectValues({ subject }: Pick<X509Certificate, "subject">, attribute: "CN" | "O"): string[] {
  // "CN=a\nO=b + O=c"; in values the separators are escaped (RFC 2253).
  const pairs = (subject ?? "").split(/\n| \+ /);
  return pairs
    .filter((pair) => pair.startsWith(`${attribute}=`))
    .map((pair) =>
      pair
        .slice(attribute.length + 1)
        .replace(/\\(?:([0-9A-F]{2})|(.))/gs, (_, hex?: string, char = "") =>
          hex === undefined ? char : String.fromCharCode(Number.parseInt(hex, 16)),
        ),
    );
}

/** One spelling per address, as URLs have it; anything else as it is. */
export function canonicalIp(text: string): string {
  const host = URL.parse(`http://${text.includes(":") ? `[${text}]` : text}`)?.hostname;
  return host?.replace(/^\[|\]$/g, "") ?? text;
}

export const isExpired = ({ notAfter }: CertificateFacts, now: Date): boolean => now.getTime() > notAfter.getTime();

/**
 * Why a certificate is not good now, in words that name it, the time and what to do; undefined: it is good. `what` begins the sentence:
 * `Client certificate /var/lib/kubelet/pki/kubelet-client-current.pem`.
 */
export function validityTrouble(what: string, facts: CertificateFacts, now: Date): string | undefined {
  const { notBefore, notAfter } = facts;
  const clock = `the clock of this node says ${iso(now)}`;
  if (isExpired(facts, now))
    return `${what} expired at ${iso(notAfter)}, ${span(now, notAfter)} ago: ${clock}; if that is right, a new certificate is needed`;
  if (now.getTime() < notBefore.getTime())
    return `${what} is not valid before ${iso(notBefore)}, in ${span(notBefore, now)}: ${clock}; if that is wrong, set the clock, else wait`;
  return undefined;
}

const iso = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
const span = (later: Date, earlier: Date): string =>
  goDuration(seconds(Math.max(1, Math.floor(millis(later.getTime() - earlier.getTime()) / 1000))));
