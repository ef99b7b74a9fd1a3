import { KubeletError, messageOf } from "../base/fault.ts";
import { isExpired, type KeyPair, readCertificates, readKeyPair, validityTrouble } from "../model/certificate.ts";
import type { ApiCredentials, CredentialSource } from "../ports/kube-api.ts";
import type { Rotation } from "./rotation.ts";

/**
 * The credentials of a node whose client certificate is kept good by `rotation`: after a renewal `current` gives another object, and whoever
 * holds connections moves over. While there is none, `current` throws `api-unavailable` that says what is waited for.
 */
export function clientCredentials(rotation: Pick<Rotation, "current" | "trouble">, server: string): CredentialSource {
  let given: { readonly pair: KeyPair; readonly credentials: ApiCredentials } | undefined;
  return {
    async current(signal) {
      signal.throwIfAborted();
      const pair = rotation.current;
      if (pair === undefined) {
        const why = rotation.trouble ?? "it is about to be asked for";
        throw new KubeletError(`Cannot ask ${server}: this node has no good client certificate: ${why}`, {
          code: "api-unavailable",
          server,
        });
      }
      if (given?.pair !== pair) given = { pair, credentials: { cert: pair.cert, key: pair.key } };
      return given.credentials;
    },
    refused: () => {},
  };
}

/** What there is of a kubeconfig's client certificate. */
export interface CertificateTexts {
  /** Begins sentences: the path of the file, or of the kubeconfig that holds it. */
  readonly what: string;
  /** undefined: absent, or not even named. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Why the certificate (or one of its chain) of a kubeconfig can't be used any more, so that the bootstrap kubeconfig has to be; undefined: it can. One that is not valid yet can. */
export function whyUnusable({ what, cert, key }: CertificateTexts, now: Date): string | undefined {
  if (cert === undefined) return `${what}: there is no client certificate`;
  if (key === undefined) return `${what}: there is no key`;
  try {
    readKeyPair(cert, key);
    const expired = readCertificates(cert).find((facts) => isExpired(facts, now));
    return expired && validityTrouble(what, expired, now);
  } catch (error) {
    return `${what} ${messageOf(error)}`;
  }
}
