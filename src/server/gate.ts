import type { X509Certificate } from "node:crypto";
import { messageOf, unreachable } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { HttpRequest } from "../ports/http-server.ts";
import { type Access, claimOf, type Identity } from "./access.ts";
import type { Guard } from "./route.ts";

/** What only the API server can say. Both throw when it can't be had. */
export interface Reviews {
  /** undefined: nobody's token. */
  holderOf(token: string, signal: AbortSignal): Promise<Identity | undefined>;
  mayUse(identity: Identity, verb: string, subresource: string, signal: AbortSignal): Promise<boolean>;
}

/** Of a kubelet that asks nobody: see planAccess(). */
export const noReviews: Reviews = { holderOf: async () => undefined, mayUse: async () => false };

export interface GateDeps {
  readonly access: Access;
  readonly reviews: Reviews;
  /** The client CA bundle of now; empty: none. */
  readonly clientCas: () => readonly X509Certificate[];
  readonly clock: Clock;
  readonly log: Log;
}

export type Verdict =
  | { readonly kind: "allowed"; readonly identity: Identity }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "forbidden"; readonly text: string }
  /** Nobody can tell. */
  | { readonly kind: "failed"; readonly text: string };

/** Decides one request: who asks, and may they? The texts are upstream's. */
export async function judge(request: HttpRequest, guard: Guard, deps: GateDeps, signal: AbortSignal): Promise<Verdict> {
  const { access, clientCas, clock } = deps;
  const claim = claimOf(request, access, { clientCas: clientCas(), now: clock.wall() });
  switch (claim.kind) {
    case "forbidden":
      return claim;
    case "unknown":
      return { kind: "unauthenticated" };
    case "known":
      return authorize(claim.identity, guard, deps, signal);
    case "tokens": {
      const identity = await holderOf(claim.tokens, deps, signal);
      return identity ? authorize(identity, guard, deps, signal) : { kind: "unauthenticated" };
    }
    default:
      return unreachable(claim);
  }
}

async function holderOf(
  tokens: readonly string[],
  { reviews, log }: GateDeps,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  for (const token of tokens) {
    try {
      const identity = await reviews.holderOf(token, signal);
      if (identity) return identity;
    } catch (error) {
      signal.throwIfAborted();
      log.error("Unable to authenticate the request due to an error", { err: messageOf(error) });
    }
  }
  return undefined;
}

async function authorize(
  identity: Identity,
  { verb, subresources }: Guard,
  { access, reviews, log }: GateDeps,
  signal: AbortSignal,
): Promise<Verdict> {
  if (identity.by === "local-socket" || access.kind === "health-only" || !access.authorize)
    return { kind: "allowed", identity };
  const about = `user=${identity.user}, verb=${verb}, resource=nodes`;
  for (const subresource of subresources) {
    try {
      if (await reviews.mayUse(identity, verb, subresource, signal)) return { kind: "allowed", identity };
    } catch (error) {
      signal.throwIfAborted();
      log.error("Authorization error", { user: identity.user, verb, subresource, err: messageOf(error) });
      return { kind: "failed", text: `Authorization error (${about}, subresource=${subresource})` };
    }
  }
  log.debug(2, "Forbidden", { user: identity.user, verb, subresources: subresources.join(" ") });
  return { kind: "forbidden", text: `Forbidden (${about}, subresource(s)=[${subresources.join(" ")}])\n` };
}
