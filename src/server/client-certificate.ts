import { X509Certificate } from "node:crypto";
import { subjectValues } from "../model/certificate.ts";

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const ANY_PURPOSE = "2.5.29.37.0";
const LONGEST_CHAIN = 8;
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The certificates of a PEM bundle. @throws Error when there is none, or one can't be read */
export function parseBundle(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length === 0) throw new TypeError("it holds no PEM certificate");
  return blocks.map((block) => new X509Certificate(block));
}

/**
 * Is there a chain of signatures from `leaf` to one of `clientCas`, valid now, for a client? Upstream trusts every certificate of the
 * bundle as a root, self-signed or not. Path length and name constraints are judged by the TLS handshake, which must agree.
 */
export function verifyChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  { clientCas, now }: { readonly clientCas: readonly X509Certificate[]; readonly now: Date },
): boolean {
  if (!forClients(leaf) || !validAt(leaf, now)) return false;
  const others = intermediates.slice(0, LONGEST_CHAIN);
  let at = leaf;
  for (let depth = 0; depth <= LONGEST_CHAIN; depth++) {
    if (clientCas.some((ca) => validAt(ca, now) && (ca.fingerprint256 === at.fingerprint256 || signed(ca, at))))
      return true;
    const next = others.find((one) => one.fingerprint256 !== at.fingerprint256 && validAt(one, now) && signed(one, at));
    if (next === undefined) return false;
    at = next;
  }
  return false;
}

/** User: the common name (the last, where there are several). Groups: the organizations. */
export function identityOf(leaf: X509Certificate): { readonly user: string; readonly groups: readonly string[] } {
  return { user: subjectValues(leaf, "CN").at(-1) ?? "", groups: subjectValues(leaf, "O") };
}

const signed = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);

const validAt = (certificate: X509Certificate, now: Date): boolean =>
  certificate.validFromDate.getTime() <= now.getTime() && now.getTime() <= certificate.validToDate.getTime();

/** No extended key usage means any. */
function forClients(leaf: X509Certificate): boolean {
  const usages = leaf.keyUsage as readonly string[] | undefined;
  return usages === undefined || usages.length === 0 || usages.includes(CLIENT_AUTH) || usages.includes(ANY_PURPOSE);
}
