import type { HostSetup } from "../ports/host-setup.ts";

/**
 * Compares this program's file with `wanted`: a digest, or the path of a list as sha256sum(1) writes it. Without either, with a SHA256SUMS beside the file
 * when there is one. Paths are of the machine that this runs on.
 * @returns why it is not the wanted file
 */
export async function checkSum(wanted: string | undefined, host: HostSetup): Promise<readonly string[]> {
  const { executable } = host;
  const name = executable.slice(executable.lastIndexOf("/") + 1);
  const beside = `${executable.slice(0, executable.lastIndexOf("/"))}/SHA256SUMS`;
  if (wanted !== undefined && /^[0-9a-f]{64}$/i.test(wanted)) return differs(wanted, "--sha256", host);
  const path = wanted ?? beside;
  const text = await host.readHere(path);
  if (text === undefined)
    return wanted === undefined ? [] : [`--sha256 ${path}: there is no such file, and it is no SHA-256 in hex`];
  const sums = parseSums(text);
  // A list of one, such as kubelet.sha256, is for this file whatever it is called now.
  const sum = sums.get(name) ?? (wanted !== undefined && sums.size === 1 ? [...sums.values()][0] : undefined);
  if (sum !== undefined) return differs(sum, path, host);
  return wanted === undefined ? [] : [`--sha256 ${path} does not name ${name}`];
}

async function differs(sum: string, where: string, host: HostSetup): Promise<readonly string[]> {
  const own = await host.sha256();
  if (own === sum.toLowerCase()) return [];
  return [`${host.executable} is not the file that ${where} names: its SHA-256 is ${own}; get it anew`];
}

/** `<hex>  name`, `<hex> *name`, or `<hex>` alone (under the name ""). */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const lines = [...text.matchAll(/^([0-9a-f]{64})(?:[ \t]+\*?(?:.*\/)?(\S+))?\s*$/gim)];
  return new Map(lines.map(([, sum = "", name = ""]) => [name, sum]));
}
