import { KubeletError } from "../base/fault.ts";
import type { DnsConfig } from "../model/runtime.ts";

/**
 * Reads the node's resolv.conf: nameservers add up, the last search line wins, options merge by name.
 * @throws KubeletError `waiting` for a nameserver line without an address
 */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string>();
  let broken = false;
  for (const line of text.split("\n")) {
    const [keyword = "", ...values] = line.trim().split(/\s+/);
    if (keyword.startsWith("#")) continue;
    if (keyword === "nameserver") {
      const [server] = values;
      if (server === undefined) broken = true;
      else servers.push(server);
    }
    // One domain with and without its closing dot would count twice towards the limits.
    if (keyword === "search") searches = values.filter((name) => name !== ".").map((name) => name.replace(/\.$/, ""));
    if (keyword === "options") for (const option of values) options.set(optionName(option), option);
  }
  if (broken) {
    throw new KubeletError("Encountered error while parsing resolv conf file. Error: nameserver list is empty", {
      code: "waiting",
      reason: "CreatePodSandboxError",
    });
  }
  return { servers, searches, options: [...options.values()] };
}

export const optionName = (option: string): string => option.split(":", 1)[0] ?? option;
