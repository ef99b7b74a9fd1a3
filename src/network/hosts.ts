import type { HostAlias, Pod } from "../model/kubernetes.ts";
import type { PodName } from "./hostname.ts";

const LOCAL_LINES = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "fe00::0\tip6-mcastprefix",
  "fe00::1\tip6-allnodes",
  "fe00::2\tip6-allrouters",
];

/** Whether a pod gets a managed /etc/hosts at all: it needs an address of its own or the node's network. */
export const hasManagedHosts = (pod: Pod, podIps: readonly string[]): boolean =>
  podIps.length > 0 || pod.spec?.hostNetwork === true;

/**
 * Content of the managed /etc/hosts.
 * @param nodeHosts the node's own file; used with the node's network only
 */
export function hostsText(pod: Pod, podIps: readonly string[], name: PodName, nodeHosts: string): string {
  const aliases = aliasText(pod.spec?.hostAliases ?? []);
  if (pod.spec?.hostNetwork) return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${aliases}`;
  const names = name.domain === "" ? name.hostname : `${name.hostname}.${name.domain}\t${name.hostname}`;
  const lines = ["# Kubernetes-managed hosts file.", ...LOCAL_LINES, ...podIps.map((ip) => `${ip}\t${names}`)];
  return `${lines.join("\n")}\n${aliases}`;
}

function aliasText(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}
