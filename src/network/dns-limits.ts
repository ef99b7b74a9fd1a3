import type { DnsConfig } from "../model/runtime.ts";
import type { EventRecord, EventSubject } from "../ports/events.ts";

/** What resolvers can be trusted with: glibc aborts on a search path of more than 255 characters. */
export const DNS_LIMITS = { servers: 3, searches: 32, searchCharacters: 2048, domainCharacters: 253 } as const;

/** Cuts a DNS configuration to the limits; says in warnings what was left out. */
export function withinDnsLimits(
  dns: DnsConfig,
  about: EventSubject,
): { readonly dns: DnsConfig; readonly warnings: readonly EventRecord[] } {
  const warnings: EventRecord[] = [];
  const warn = (message: string) => warnings.push({ type: "Warning", reason: "DNSConfigForming", message, about });
  const servers = dns.servers.slice(0, DNS_LIMITS.servers);
  if (servers.length < dns.servers.length) {
    warn(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(" ")}`,
    );
  }
  const searches = dns.searches
    .slice(0, DNS_LIMITS.searches)
    .filter((domain) => domain.length <= DNS_LIMITS.domainCharacters);
  while (searches.join(" ").length > DNS_LIMITS.searchCharacters) searches.pop();
  if (searches.length < dns.searches.length) {
    warn(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(" ")}`,
    );
  }
  return { dns: { servers, searches, options: dns.options }, warnings };
}

/** Looks once, at start, whether the node's own file is within what pods can take over. */
export function nodeDnsWarnings(path: string, node: DnsConfig, clusterDomain: string): readonly EventRecord[] {
  const warning = (message: string): readonly EventRecord[] => [
    { type: "Warning", reason: "CheckLimitsForResolvConf", message, about: { kind: "node" } },
  ];
  const domains = clusterDomain === "" ? DNS_LIMITS.searches : DNS_LIMITS.searches - 3;
  if (node.searches.length > domains) {
    return warning(`Resolv.conf file '${path}' contains search line consisting of more than ${domains} domains!`);
  }
  if (node.searches.some((domain) => domain.length > DNS_LIMITS.domainCharacters)) {
    return warning(
      `Resolv.conf file "${path}" contains a search path which length is more than allowed ${DNS_LIMITS.domainCharacters} chars!`,
    );
  }
  if (node.searches.join(" ").length > DNS_LIMITS.searchCharacters) {
    return warning(
      `Resolv.conf file '${path}' contains search line which length is more than allowed ${DNS_LIMITS.searchCharacters} chars!`,
    );
  }
  return [];
}
