import { isIpAddress, isIpv4 } from "../model/ip.ts";
import type { NodeAddress } from "../model/kubernetes.ts";
import type { DefaultRoute, InterfaceAddress } from "../ports/node-facts.ts";
import { goAddress, isGlobalUnicast, nodeIpProblem } from "./ip-kinds.ts";

/** What the choice of addresses needs. */
export interface AddressFacts {
  readonly nodeName: string;
  /** --node-ip, see RegistrationOptions. */
  readonly nodeIps: readonly string[];
  readonly externalCloudProvider: boolean;
  /** What the Node says now. */
  readonly before: readonly NodeAddress[];
  readonly interfaces: readonly InterfaceAddress[];
  readonly routes: readonly DefaultRoute[] | undefined;
  /** What the resolver says of the node's name. */
  readonly resolved: readonly string[];
}

export type AddressChoice =
  | { readonly addresses: readonly NodeAddress[] }
  /** In upstream's words; the Node's addresses stay as they are. */
  | { readonly problem: string };

const isUnspecified = (ip: string | undefined): boolean => ip === "0.0.0.0" || ip === "::";

/** Addresses of the Node: internal ones, then the host name. With an external cloud provider what that wrote wins. */
export function chooseAddresses(facts: AddressFacts): AddressChoice {
  const { nodeName, nodeIps, externalCloudProvider, before, interfaces } = facts;
  const [first, second] = nodeIps;
  const given = nodeIps.filter((ip) => !isUnspecified(ip));
  for (const ip of given) {
    const problem = nodeIpProblem(ip, interfaces);
    if (problem) return { problem: `failed to validate ${ip === first ? "nodeIP" : "secondaryNodeIP"}: ${problem}` };
  }
  const hostname: NodeAddress = { type: "Hostname", address: nodeName };
  if (externalCloudProvider && before.length > 0) return { addresses: before };
  if (externalCloudProvider && first === undefined) return { addresses: [hostname] };
  const found =
    given.length === 2 && second !== undefined
      ? { ips: given }
      : first !== undefined && !isUnspecified(first)
        ? { ips: [first] }
        : searchAddress(facts);
  if ("problem" in found) return found;
  return { addresses: [...found.ips.map((ip) => ({ type: "InternalIP", address: goAddress(ip) })), hostname] };
}

/** The name itself where it is an address, else what it resolves to, else the address behind the default route. */
function searchAddress(facts: AddressFacts): { readonly ips: readonly string[] } | { readonly problem: string } {
  const { nodeName, nodeIps, resolved, interfaces } = facts;
  const preferred: 4 | 6 = nodeIps[0] === "::" ? 6 : 4;
  if (isIpAddress(nodeName)) return { ips: [nodeName] };
  const usable = resolved.filter((ip) => nodeIpProblem(ip, interfaces) === undefined);
  const named = usable.find((ip) => familyOf(ip) === preferred) ?? usable[0];
  if (named) return { ips: [named] };
  const routed = defaultAddress(preferred, facts);
  if (!("problem" in routed)) return { ips: [routed.ip] };
  return { problem: `can't get ip address of node ${nodeName}. error: ${routed.problem}` };
}

const familyOf = (ip: string): 4 | 6 => (isIpv4(ip) ? 4 : 6);

/** Of an interface that a default route leads out of; of loopback where that interface has only link-local ones (BGP unnumbered). */
function defaultAddress(
  preferred: 4 | 6,
  { interfaces, routes }: AddressFacts,
): { readonly ip: string } | { readonly problem: string } {
  const families = preferred === 4 ? ([4, 6] as const) : ([6, 4] as const);
  if (routes?.length === 0)
    return { problem: 'no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"' };
  const candidates = families.flatMap((family) => {
    const global = interfaces.filter((one) => one.family === family && isGlobalUnicast(one.address));
    if (routes === undefined) return global.filter(({ loopback }) => !loopback);
    return routes
      .filter((route) => route.family === family)
      .flatMap((route) => [
        ...global.filter((one) => one.interface === route.interface),
        ...global.filter(({ loopback }) => loopback),
      ]);
  });
  const [chosen] = candidates;
  return chosen ? { ip: chosen.address } : { problem: "unable to select an IP from default routes." };
}
