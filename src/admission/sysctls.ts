import type { Pod } from "../model/kubernetes.ts";
import { usesHostIpc, usesHostNetwork } from "../model/pod.ts";

/** Kept apart per pod by the kernel's namespaces, and harmless to the node (upstream's safe list for the kernels we run on). */
const SAFE = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);
const IPC = /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/;

/** Why the pod's sysctls are refused; undefined when they are not. `allowed`: allowedUnsafeSysctls, names or prefixes with `*`. */
export function sysctlProblem(pod: Pod, allowed: readonly string[]): string | undefined {
  for (const { name: written } of pod.spec?.securityContext?.sysctls ?? []) {
    const name = written.replaceAll("/", ".");
    if (!SAFE.has(name) && !allowed.some((pattern) => covers(pattern.replaceAll("/", "."), name))) {
      return `forbidden sysctl: "${written}" not allowlisted`;
    }
    if (IPC.test(name) && usesHostIpc(pod)) return `forbidden sysctl: "${written}" not allowed with host ipc enabled`;
    if (name.startsWith("net.") && usesHostNetwork(pod)) {
      return `forbidden sysctl: "${written}" not allowed with host net enabled`;
    }
  }
  return undefined;
}

const covers = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
