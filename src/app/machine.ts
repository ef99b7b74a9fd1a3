import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { defaultRoutesOf } from "../adapters/linux/routes.ts";
import { nodeIpsOf } from "../config/index.ts";

/**
 * Addresses of this node, the main one first: as `--node-ip` says, else those of the interface with the default route, else any that is
 * not loopback, else 127.0.0.1 (a node for itself).
 */
export function nodeAddresses(nodeIp: string): readonly string[] {
  const given = nodeIpsOf(nodeIp).ips.filter((ip) => ip !== "0.0.0.0" && ip !== "::");
  if (given.length > 0) return given;
  const interfaces = networkInterfaces();
  const usable = Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ internal, family }) => !internal && family === "IPv4")
      .map(({ address }) => ({ name, address })),
  );
  const main = defaultInterface();
  const chosen = usable.find(({ name }) => name === main) ?? usable[0];
  return [chosen?.address ?? "127.0.0.1"];
}

/** Name of the interface of the IPv4 default route. */
function defaultInterface(): string | undefined {
  try {
    return defaultRoutesOf(readFileSync("/proc/net/route", "utf8"), "")[0]?.interface;
  } catch {
    return undefined;
  }
}
