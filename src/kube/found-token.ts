import type { TokenOwner, TokenWish } from "../ports/referenced.ts";

/** A token that an earlier kubelet asked for, by what is written in it. */
export interface FoundToken {
  /** Milliseconds since the epoch, by the API server's clock. */
  readonly issuedAt: number;
  /** Milliseconds for which it was meant to serve. */
  readonly lifetime: number;
}

/**
 * Reads what a token says of itself: undefined where it is none, or not one for this pod and this wish. Its signature is not looked at: who could put another
 * one there could do so after any check, and it is given to nobody but the pod it was found with.
 */
export function readFound(token: string, owner: TokenOwner, wish: TokenWish): FoundToken | undefined {
  const claims = claimsOf(token);
  const { namespace, pod, serviceaccount } = recordOf(claims?.["kubernetes.io"]);
  if (namespace !== owner.namespace || recordOf(pod).uid !== owner.uid) return undefined;
  if (recordOf(serviceaccount).name !== wish.serviceAccount) return undefined;
  const audiences = [claims?.aud].flat();
  if (wish.audience !== undefined && (audiences.length !== 1 || audiences[0] !== wish.audience)) return undefined;
  const { iat, exp } = claims ?? {};
  if (typeof iat !== "number" || typeof exp !== "number" || !(exp > iat)) return undefined;
  // The API server may let tokens live longer than they were asked for, for the sake of old clients, and count them when they do.
  return { issuedAt: iat * 1000, lifetime: Math.min(exp - iat, wish.expirationSeconds) * 1000 };
}

function claimsOf(token: string): Record<string, unknown> | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    return recordOf(JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString()));
  } catch {
    return undefined;
  }
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
