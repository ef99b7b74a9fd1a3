import { isAddress } from "./codecs-scalar.ts";

export interface NodeIps {
  /** None, one, or one of each family. `0.0.0.0` and `::` only say which family is preferred. */
  readonly ips: readonly string[];
  /** Words that are no addresses, which count as not given. */
  readonly ignored: readonly string[];
}

/** What `--node-ip` says. Numbers may begin with zeros, as in other address flags. */
export function nodeIpsOf(text: string): NodeIps {
  const words = text === "" ? [] : text.split(",").map((word) => word.trim());
  return {
    ips: words.filter(isAddress).map((ip) => (ip.includes(":") ? ip : ip.replace(/\b0+(?=\d)/g, ""))),
    ignored: words.filter((word) => !isAddress(word)),
  };
}

export function nodeIpProblem(text: string): string | undefined {
  const { ips } = nodeIpsOf(text);
  const families = new Set(ips.map((ip) => ip.includes(":")));
  if (families.size < ips.length) return `must be one address, or one of each family, got "${text}"`;
  return ips.length === 2 && ips.some((ip) => ip === "0.0.0.0" || ip === "::")
    ? `must not hold 0.0.0.0 or :: beside another address, got "${text}"`
    : undefined;
}
