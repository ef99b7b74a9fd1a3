type Headers = { readonly [name: string]: string | readonly string[] | undefined };

/** The protocol that a request wants its connection changed to, of those that streams are carried by; undefined: an ordinary request. */
export function upgradeOf(headers: Headers): "websocket" | "spdy" | undefined {
  if (!tokens(headers.connection).includes("upgrade")) return undefined;
  const wanted = tokens(headers.upgrade);
  if (wanted.includes("websocket")) return "websocket";
  return wanted.includes("spdy/3.1") ? "spdy" : undefined;
}

/** The subprotocols that a WebSocket request offers, best first. */
export const subprotocolsOf = (headers: Headers): readonly string[] => items(headers["sec-websocket-protocol"]);

const tokens = (value: Headers[string]): readonly string[] => items(value).map((item) => item.toLowerCase());

const items = (value: Headers[string] = ""): readonly string[] =>
  (typeof value === "string" ? value : value.join(","))
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
