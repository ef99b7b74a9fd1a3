import { createHash, createPublicKey } from "node:crypto";
import { isFault, KubeletError } from "../base/fault.ts";
import type { CertificateSigningRequest } from "../model/kubernetes.ts";
import type { CertificateRequest } from "../ports/keys.ts";
import type { Collection, KubeApi } from "../ports/kube-api.ts";

export const SIGNING_REQUESTS: Collection = {
  group: "certificates.k8s.io",
  version: "v1",
  resource: "certificatesigningrequests",
};

/** Longest base64 that is taken for a certificate chain. */
const MAX_CERTIFICATE = 1024 * 1024;

export interface Asking {
  readonly signer: string;
  readonly usages: readonly string[];
  /** PEM of a PKCS#10 request. */
  readonly request: string;
  /** undefined: the server makes one up (`csr-…`). */
  readonly name: string | undefined;
}

/** A CertificateSigningRequest at the server. */
export interface Asked {
  readonly name: string;
  readonly uid: string;
}

/**
 * Upstream's name for the request of a node that has no certificate yet: the same key and wish lead to the same name, so that a kubelet that
 * starts again goes on with the request that somebody may be about to approve.
 */
export function digestedName(key: string, wish: CertificateRequest, usages: readonly string[]): string {
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const hash = createHash("sha512-256");
  // "|" is not in the alphabet of base64url: different parts can't add up to the same text.
  for (const part of [publicKey, wish.commonName, ...wish.organizations, ...usages])
    hash.update(`${Buffer.from(part).toString("base64url")}|`);
  return `node-csr-${hash.digest("base64url")}`;
}

/**
 * Creates the request, or finds the one that has its name.
 * @throws KubeletError what the API server says; `certificate-not-issued` when the name belongs to a request for something else
 */
export async function ask(api: KubeApi, asking: Asking, signal: AbortSignal): Promise<Asked> {
  const { signer, usages, request, name } = asking;
  const wanted: CertificateSigningRequest = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: name === undefined ? { generateName: "csr-" } : { name },
    spec: { request: Buffer.from(request).toString("base64"), signerName: signer, usages },
  };
  try {
    return askedOf(await api.create<CertificateSigningRequest>(SIGNING_REQUESTS, wanted, signal));
  } catch (error) {
    if (name === undefined || !isFault(error, "api-refused") || error.fault.reason !== "AlreadyExists") throw error;
  }
  const found = await api.get<CertificateSigningRequest>(SIGNING_REQUESTS, name, signal);
  if (found.spec.signerName === signer) return askedOf(found);
  throw notIssued(name, `another request has its name, for signer ${JSON.stringify(found.spec.signerName)}`);
}

function askedOf({ metadata }: CertificateSigningRequest): Asked {
  return { name: metadata?.name ?? "", uid: metadata?.uid ?? "" };
}

/**
 * The certificate (PEM) once the request is approved and signed; undefined: not yet.
 * @throws KubeletError `certificate-not-issued` when there will be none
 */
export function certificateOf(found: CertificateSigningRequest | undefined, { name, uid }: Asked): string | undefined {
  if (found === undefined) throw notIssued(name, "it was deleted");
  if (found.metadata?.uid !== uid) throw notIssued(name, "it was deleted and made again by somebody else");
  const { conditions = [], certificate = "" } = found.status ?? {};
  for (const { type, reason = "", message = "" } of conditions) {
    if (type !== "Denied" && type !== "Failed") continue;
    const why = [reason, message].filter((text) => text !== "").map((text) => text.slice(0, 500));
    throw notIssued(
      name,
      `it ${type === "Denied" ? "was denied" : "has failed"} (${why.join(": ") || "no reason given"})`,
    );
  }
  if (certificate === "" || !conditions.some(({ type }) => type === "Approved")) return undefined;
  if (certificate.length > MAX_CERTIFICATE) throw notIssued(name, "the certificate is too long");
  return Buffer.from(certificate, "base64").toString("latin1");
}

export const notIssued = (name: string, why: string): KubeletError =>
  new KubeletError(`Cannot get a certificate by CertificateSigningRequest ${name}: ${why}`, {
    code: "certificate-not-issued",
    csr: name,
  });
