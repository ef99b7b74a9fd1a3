import { subprotocolsOf, upgradeOf } from "../base/upgrade.ts";
import type { HttpRequest } from "../ports/http-server.ts";

export interface OfferedTokens {
  /** Bearer tokens, in the order in which they are tried. Never log. */
  readonly tokens: readonly string[];
  /** Something was offered that is none. */
  readonly malformed: boolean;
}

const PREFIX = "base64url.bearer.authorization.k8s.io.";

/** What a request proves itself with beside a certificate: the Authorization header, and a subprotocol of a WebSocket request. Pure. */
export function offeredTokens(headers: HttpRequest["headers"]): OfferedTokens {
  const found = [inHeader(headers), inSubprotocol(headers)];
  return {
    tokens: found.flatMap((one) => (one?.token === undefined ? [] : [one.token])),
    malformed: found.some((one) => one !== undefined && one.token === undefined),
  };
}

/** undefined: not offered. Without a token: offered and not usable. */
type Offer = { readonly token: string | undefined } | undefined;

function inHeader({ authorization }: HttpRequest["headers"]): Offer {
  const text = [authorization ?? ""].flat().join(",").trim();
  if (text === "") return undefined;
  const [scheme = "", token = ""] = text.split(" ");
  return { token: scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined };
}

function inSubprotocol(headers: HttpRequest["headers"]): Offer {
  const all = subprotocolsOf(headers);
  const carriers = all.filter((name) => name.startsWith(PREFIX));
  const [only] = carriers;
  if (only === undefined) return undefined;
  // Another one must be there to be agreed on, and two tokens would leave open whose.
  const usable = carriers.length === 1 && all.length > 1 && upgradeOf(headers) === "websocket";
  return { token: usable ? decoded(only.slice(PREFIX.length)) : undefined };
}

function decoded(text: string): string | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "base64url"));
  } catch {
    return undefined;
  }
}
