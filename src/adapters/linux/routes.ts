import type { DefaultRoute } from "../../ports/node-facts.ts";

const NOWHERE_IPV6 = "0".repeat(32);

/** Default routes, IPv4 first, out of /proc/net/route and /proc/net/ipv6_route. An IPv6 one without a gateway is the kernel's own catch-all. */
export function defaultRoutesOf(ipv4: string, ipv6: string): readonly DefaultRoute[] {
  const four = rows(ipv4).filter(([name, destination]) => name !== "Iface" && destination === "00000000");
  const six = rows(ipv6).filter(
    ([destination, prefix, , , gateway]) =>
      destination === NOWHERE_IPV6 && prefix === "00" && gateway !== undefined && gateway !== NOWHERE_IPV6,
  );
  return [
    ...four.map(([name = ""]): DefaultRoute => ({ interface: name, family: 4 })),
    ...six.map((fields): DefaultRoute => ({ interface: fields[9] ?? "", family: 6 })),
  ].filter((route) => route.interface !== "");
}

const rows = (text: string): readonly (readonly string[])[] =>
  text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length > 2);
