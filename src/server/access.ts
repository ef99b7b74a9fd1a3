import type { X509Certificate } from "node:crypto";
import { KubeletError } from "../base/fault.ts";
import type { HttpPeer, HttpRequest } from "../ports/http-server.ts";
import { identityOf, verifyChain } from "./client-certificate.ts";

/** Who may ask what on the main port. */
export type Access =
  /** No way to tell clients apart: 127.0.0.1 only, `/healthz` only. */
  { readonly kind: "health-only" } | { readonly kind: "guarded"; readonly anonymous: boolean };

/** The part of the configuration that decides access. */
export interface AccessOptions {
  readonly clientCaFile: string;
  readonly anonymous: boolean;
  readonly webhookAuthentication: boolean;
  readonly authorizationMode: string;
  /** There is no kubeconfig. */
  readonly standalone: boolean;
}

/** Who asks. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly by: "certificate" | "anonymous" | "local-socket";
}

export type Verdict =
  | { readonly kind: "allowed"; readonly identity: Identity }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "forbidden"; readonly text: string };

/** @throws KubeletError `start-refused` for what needs an API server */
export function planAccess(options: AccessOptions): Access {
  const { standalone, authorizationMode } = options;
  if (options.webhookAuthentication) {
    throw refused(
      "authentication.webhook.enabled",
      "is true",
      standalone,
      "set it to false (--authentication-token-webhook=false)",
    );
  }
  if (authorizationMode !== "AlwaysAllow") {
    throw refused("authorization.mode", `is ${JSON.stringify(authorizationMode)}`, standalone, "set it to AlwaysAllow");
  }
  if (options.clientCaFile === "" && !options.anonymous) return { kind: "health-only" };
  return { kind: "guarded", anonymous: options.anonymous };
}

function refused(option: string, state: string, standalone: boolean, remedy: string): KubeletError {
  const why = standalone ? "needs an API server, and no --kubeconfig is given" : "is not supported yet by this release";
  return new KubeletError(`Cannot start the server: ${option} ${state}, which ${why}; ${remedy}`, {
    code: "start-refused",
    what: option,
  });
}

/** Decides one request: whoever is known may do all (mode AlwaysAllow). `clientCas`: the client CA bundle of now. Pure. */
export function judgeRequest(
  request: Pick<HttpRequest, "method" | "path" | "peer" | "headers">,
  access: Access,
  facts: { readonly clientCas: readonly X509Certificate[]; readonly now: Date },
): Verdict {
  if (request.peer.kind === "local") {
    return { kind: "allowed", identity: { user: "root", groups: ["system:masters"], by: "local-socket" } };
  }
  if (access.kind === "health-only") {
    const anyone: Identity = { user: "system:anonymous", groups: ["system:unauthenticated"], by: "anonymous" };
    if (request.path === "/healthz" || request.path.startsWith("/healthz/"))
      return { kind: "allowed", identity: anyone };
    return {
      kind: "forbidden",
      text: "Forbidden: only /healthz is served here, because this node has no client CA (authentication.x509.clientCAFile); on the node, the kubelet's verbs use its local socket\n",
    };
  }
  const identity = authenticate(request, access.anonymous, facts);
  if (identity === undefined) return { kind: "unauthenticated" };
  return { kind: "allowed", identity };
}

function authenticate(
  { peer, headers }: { readonly peer: HttpPeer; readonly headers: HttpRequest["headers"] },
  anonymous: boolean,
  facts: { readonly clientCas: readonly X509Certificate[]; readonly now: Date },
): Identity | undefined {
  const [leaf, ...intermediates] = peer.kind === "tls" ? peer.chain : [];
  if (leaf !== undefined) {
    // The handshake judged by the CAs of its moment, verifyChain() by those of now: both must agree, so a CA that was taken away counts at once.
    if (peer.kind !== "tls" || !peer.verified || !verifyChain(leaf, intermediates, facts)) return undefined;
    const { user, groups } = identityOf(leaf);
    return { user, groups: [...groups, "system:authenticated"], by: "certificate" };
  }
  // A token that nobody can check stays a wrong credential, it does not become nobody.
  const offered =
    headers.authorization !== undefined ||
    String(headers["sec-websocket-protocol"] ?? "").includes("base64url.bearer.authorization.k8s.io.");
  if (offered || !anonymous) return undefined;
  return { user: "system:anonymous", groups: ["system:unauthenticated"], by: "anonymous" };
}
