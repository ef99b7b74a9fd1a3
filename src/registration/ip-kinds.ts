import { isIpAddress, isIpv4 } from "../model/ip.ts";
import type { InterfaceAddress } from "../ports/node-facts.ts";

/** Eight groups of an IPv6 address; an IPv4 one at its end counts as two. */
function groupsOf(ip: string): readonly number[] {
  const tail = ip.slice(ip.lastIndexOf(":") + 1);
  const [a = 0, b = 0, c = 0, d = 0] = tail.includes(".") ? tail.split(".").map(Number) : [];
  const text = tail.includes(".")
    ? `${ip.slice(0, -tail.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    : ip;
  const [head = "", rest] = text.split("::");
  const numbers = (half: string) => (half === "" ? [] : half.split(":").map((group) => Number.parseInt(group, 16)));
  const before = numbers(head);
  if (rest === undefined) return before;
  const after = numbers(rest);
  return [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}

/** The address as Go prints it (RFC 5952): lower case, the longest run of zeros left out; an IPv4 one inside IPv6 as IPv4. */
export function goAddress(ip: string): string {
  if (isIpv4(ip)) return ip.split(".").map(Number).join(".");
  const groups = groupsOf(ip);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const bytes = groups.slice(6).flatMap((group) => [group >> 8, group & 255]);
    return bytes.join(".");
  }
  let run = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > run.length) run = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (run.start < 0) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}

const first = (ip: string): number => (isIpv4(ip) ? Number(ip.split(".")[0]) : (groupsOf(ip)[0] ?? 0) >> 8);
const isLoopback = (ip: string): boolean => (isIpv4(ip) ? first(ip) === 127 : goAddress(ip) === "::1");
const isMulticast = (ip: string): boolean => (isIpv4(ip) ? first(ip) >= 224 && first(ip) <= 239 : first(ip) === 0xff);
const isLinkLocal = (ip: string): boolean =>
  isIpv4(ip) ? /^169\.254\./.test(goAddress(ip)) : ((groupsOf(ip)[0] ?? 0) & 0xffc0) === 0xfe80;
const isUnspecified = (ip: string): boolean => ["0.0.0.0", "::"].includes(goAddress(ip));

/** Go's IsGlobalUnicast: private ranges are global, too. */
export const isGlobalUnicast = (ip: string): boolean =>
  !isLoopback(ip) && !isMulticast(ip) && !isLinkLocal(ip) && !isUnspecified(ip) && goAddress(ip) !== "255.255.255.255";

/** Why others could not reach the node by this address, in upstream's words; undefined when they can. */
export function nodeIpProblem(ip: string, interfaces: readonly InterfaceAddress[]): string | undefined {
  if (!isIpAddress(ip)) return "nodeIP must be a valid IP address";
  if (isLoopback(ip)) return "nodeIP can't be loopback address";
  if (isMulticast(ip)) return "nodeIP can't be a multicast address";
  if (isLinkLocal(ip)) return "nodeIP can't be a link-local unicast address";
  if (isUnspecified(ip)) return "nodeIP can't be an all zeros address";
  const wanted = goAddress(ip);
  return interfaces.some(({ address }) => isIpAddress(address) && goAddress(address) === wanted)
    ? undefined
    : `node IP: "${wanted}" not found in the host's network interfaces`;
}
