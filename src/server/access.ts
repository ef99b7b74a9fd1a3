import type { X509Certificate } from "node:crypto";
import { KubeletError } from "../base/fault.ts";
import type { HttpPeer, HttpRequest } from "../ports/http-server.ts";
import { identityOf, verifyChain } from "./client-certificate.ts";
import { offeredTokens } from "./tokens.ts";

/** Who may ask what on the main port. */
export type Access =
  /** No way to tell clients apart: 127.0.0.1 only, `/healthz` only. */
  | { readonly kind: "health-only" }
  | {
      readonly kind: "guarded";
      readonly anonymous: boolean;
      /** Bearer tokens are checked with the API server. */
      readonly tokens: boolean;
      /** What a client may do is asked of the API server; else whoever is known may do all. */
      readonly authorize: boolean;
    };

/** The part of the configuration that decides access. */
export interface AccessOptions {
  readonly clientCaFile: string;
  readonly anonymous: boolean;
  readonly webhookAuthentication: boolean;
  readonly authorizationMode: string;
  /** There is no kubeconfig. */
  readonly standalone: boolean;
}

/** Who asks, as a SubjectAccessReview says it. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: { readonly [key: string]: readonly string[] };
  readonly by: "certificate" | "token" | "anonymous" | "local-socket";
}

/** What a request shows of its sender. */
export type Claim =
  | { readonly kind: "known"; readonly identity: Identity }
  /** One of these tokens may be somebody's; if none is, nobody is known. */
  | { readonly kind: "tokens"; readonly tokens: readonly string[] }
  | { readonly kind: "unknown" }
  | { readonly kind: "forbidden"; readonly text: string };

/** @throws KubeletError `start-refused` for what needs an API server */
export function planAccess(options: AccessOptions): Access {
  const { standalone, authorizationMode, webhookAuthentication } = options;
  if (standalone && webhookAuthentication) {
    throw refused(
      "authentication.webhook.enabled",
      "is true",
      "set it to false (--authentication-token-webhook=false)",
    );
  }
  if (standalone && authorizationMode !== "AlwaysAllow") {
    throw refused("authorization.mode", `is ${JSON.stringify(authorizationMode)}`, "set it to AlwaysAllow");
  }
  const { anonymous } = options;
  if (options.clientCaFile === "" && !anonymous && !webhookAuthentication) return { kind: "health-only" };
  return { kind: "guarded", anonymous, tokens: webhookAuthentication, authorize: authorizationMode !== "AlwaysAllow" };
}

const refused = (option: string, state: string, remedy: string): KubeletError =>
  new KubeletError(
    `Cannot start the server: ${option} ${state}, which needs an API server, and no --kubeconfig is given; ${remedy}`,
    { code: "start-refused", what: option },
  );

export const ANONYMOUS: Identity = {
  user: "system:anonymous",
  groups: ["system:unauthenticated"],
  by: "anonymous",
};

/** Reads who asks, as far as that shows without asking anybody. `clientCas`: the client CA bundle of now. Pure. */
export function claimOf(
  request: Pick<HttpRequest, "path" | "peer" | "headers">,
  access: Access,
  facts: { readonly clientCas: readonly X509Certificate[]; readonly now: Date },
): Claim {
  if (request.peer.kind === "local") {
    return { kind: "known", identity: { user: "root", groups: ["system:masters"], by: "local-socket" } };
  }
  if (access.kind === "health-only") {
    if (request.path === "/healthz" || request.path.startsWith("/healthz/"))
      return { kind: "known", identity: ANONYMOUS };
    return {
      kind: "forbidden",
      text: "Forbidden: only /healthz is served here, because this node has no client CA (authentication.x509.clientCAFile); on the node, the kubelet's verbs use its local socket\n",
    };
  }
  const certificate = fromCertificate(request.peer, facts);
  if (certificate?.kind === "known") return certificate;
  const { tokens, malformed } = offeredTokens(request.headers);
  if (access.tokens && tokens.length > 0) return { kind: "tokens", tokens };
  // A credential that nobody can check stays a wrong one, its holder does not become nobody.
  const offered = certificate !== undefined || malformed || tokens.length > 0;
  return offered || !access.anonymous ? { kind: "unknown" } : { kind: "known", identity: ANONYMOUS };
}

/** undefined: none was shown. */
function fromCertificate(
  peer: HttpPeer,
  facts: { readonly clientCas: readonly X509Certificate[]; readonly now: Date },
): Claim | undefined {
  if (peer.kind !== "tls") return undefined;
  const [leaf, ...intermediates] = peer.chain;
  if (leaf === undefined) return undefined;
  // The handshake judged by the CAs of its moment, verifyChain() by those of now: both must agree, so a CA that was taken away counts at once.
  if (!peer.verified || !verifyChain(leaf, intermediates, facts)) return { kind: "unknown" };
  const { user, groups } = identityOf(leaf);
  return { kind: "known", identity: { user, groups: [...groups, "system:authenticated"], by: "certificate" } };
}
