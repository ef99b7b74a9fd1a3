/** An IPv4 or IPv6 address, without zone, prefix length or brackets. */
export const isIpAddress = (text: string): boolean => isIpv4(text) || isIpv6(text);

export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

export function isIpv6(text: string): boolean {
  const lastColon = text.lastIndexOf(":");
  const tail = text.slice(lastColon + 1);
  // An IPv4 address at the end stands for two groups.
  if (tail.includes(".")) return isIpv4(tail) && isIpv6(`${text.slice(0, lastColon)}:0:0`);
  const [head, rest, ...more] = text.split("::");
  if (head === undefined || more.length > 0) return false;
  const groups = [head, rest ?? ""].flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return rest === undefined ? groups.length === 8 : groups.length <= 7;
}
