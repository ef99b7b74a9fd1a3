import { BlockList, isIP } from "node:net";

export type Environment = { readonly [name: string]: string | undefined };

/**
 * The proxy for a server, by kubeconfig or else by HTTPS_PROXY, HTTP_PROXY and NO_PROXY (both cases), as Go and Kubernetes read them:
 * this machine is never asked through one, NO_PROXY takes names with what is below them, addresses, CIDR ranges, ports, and `*`.
 */
export function proxyFor(server: URL, proxyUrl: string | undefined, env: Environment): URL | undefined {
  if (proxyUrl) return asUrl(proxyUrl);
  const named = server.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const chosen = env[named] || env[named.toLowerCase()];
  if (!chosen) return undefined;
  const host = server.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (isThisMachine(host)) return undefined;
  const port = server.port || (server.protocol === "https:" ? "443" : "80");
  const exempt = (env.NO_PROXY || env.no_proxy || "").split(",").map((entry) => entry.trim().toLowerCase());
  return exempt.some((entry) => entry !== "" && exempts(entry, host, port)) ? undefined : asUrl(chosen);
}

const asUrl = (text: string): URL => new URL(text.includes("://") ? text : `http://${text}`);

const isThisMachine = (host: string): boolean => host === "localhost" || /^127\./.test(host) || host === "::1";

function exempts(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  if (isIP(host) !== 0 && entry.includes("/")) return isInRange(entry, host);
  const [, name = entry, onlyPort] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const bare = name.replace(/^\[|\]$/g, "");
  if (bare.startsWith(".")) return host.endsWith(bare);
  return host === bare || (isIP(host) === 0 && host.endsWith(`.${bare.replace(/^\*\./, "")}`));
}

function isInRange(entry: string, host: string): boolean {
  const [network = "", bits = ""] = entry.split("/");
  const family = isIP(network) === 6 ? "ipv6" : "ipv4";
  if (isIP(network) !== isIP(host) || !/^\d+$/.test(bits) || Number(bits) > (family === "ipv6" ? 128 : 32))
    return false;
  const range = new BlockList();
  range.addSubnet(network, Number(bits), family);
  return range.check(host, family);
}
