/** At most one address per family, the node's main family first, in canonical form. */
export function podAddresses(ips: readonly string[], hostIps: readonly string[]): readonly string[] {
  const first = hostIps[0] !== undefined && isIpv6(hostIps[0]);
  return [first, !first].flatMap((wanted) => {
    const found = ips.find((ip) => isIpv6(ip) === wanted);
    return found === undefined ? [] : [canonical(found)];
  });
}

/** Addresses of a pod on the node's network: set once, a second family may come later. */
export function hostAddresses(previous: readonly string[], hostIps: readonly string[]): readonly string[] {
  const [primary, secondary] = hostIps;
  const first = previous[0] ?? primary;
  if (first === undefined) return [];
  const second =
    previous[1] ?? (secondary !== undefined && isIpv6(secondary) !== isIpv6(first) ? secondary : undefined);
  return second === undefined ? [first] : [first, second];
}

const isIpv6 = (ip: string): boolean => ip.includes(":");

/** The URL parser knows the one way to write an IPv6 address. */
function canonical(ip: string): string {
  if (!isIpv6(ip)) return ip;
  const url = URL.parse(`http://[${ip}]/`);
  return url ? url.hostname.slice(1, -1) : ip;
}
