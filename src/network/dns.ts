import { unreachable } from "../base/fault.ts";
import type { Pod, PodDNSConfig } from "../model/kubernetes.ts";
import type { DnsConfig } from "../model/runtime.ts";
import { podSubject, podText } from "../model/subject.ts";
import type { EventRecord } from "../ports/events.ts";
import { withinDnsLimits } from "./dns-limits.ts";
import { optionName } from "./resolv-conf.ts";

/** What of DNS is the same for every pod of the node. */
export interface NodeDns {
  /** The node's resolver file, read; undefined when `resolvConf` is set to nothing. */
  readonly resolver: DnsConfig | undefined;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly nodeIps: readonly string[];
  /** A node without a cluster: that it has no cluster's name server is no news. */
  readonly standalone?: boolean;
}

/** The DNS part of a sandbox by the pod's policy, within the limits, and the warnings that go with it. */
export function podDns(
  pod: Pod,
  node: NodeDns,
): { readonly dns: DnsConfig; readonly warnings: readonly EventRecord[] } {
  const { base, warnings } = baseDns(pod, node);
  const whole = pod.spec?.dnsConfig ? withPodDns(base, pod.spec.dnsConfig) : base;
  const limited = withinDnsLimits(whole, podSubject(pod));
  return { dns: limited.dns, warnings: [...warnings, ...limited.warnings] };
}

type DnsKind = "none" | "cluster" | "host";

function dnsKind(pod: Pod): DnsKind {
  switch (pod.spec?.dnsPolicy) {
    case "None":
      return "none";
    case "Default":
      return "host";
    case "ClusterFirst":
      return pod.spec.hostNetwork ? "host" : "cluster";
    default:
      // ClusterFirstWithHostNet, and what nobody knows.
      return "cluster";
  }
}

function baseDns(pod: Pod, node: NodeDns): { readonly base: DnsConfig; readonly warnings: readonly EventRecord[] } {
  const kind = dnsKind(pod);
  switch (kind) {
    case "none":
      return { base: { servers: [], searches: [], options: [] }, warnings: [] };
    case "host":
      return { base: hostDns(node), warnings: [] };
    case "cluster":
      if (node.clusterDns.length === 0)
        return { base: hostDns(node), warnings: node.standalone ? [] : missingClusterDns(pod) };
      return { base: clusterDns(pod, node), warnings: [] };
    default:
      return unreachable(kind);
  }
}

function clusterDns(pod: Pod, node: NodeDns): DnsConfig {
  const { clusterDomain } = node;
  const nodeSearches = node.resolver?.searches ?? [];
  const own = [`${pod.metadata?.namespace ?? ""}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return {
    servers: node.clusterDns,
    searches: clusterDomain === "" ? nodeSearches : unique([...own, ...nodeSearches]),
    options: ["ndots:5"],
  };
}

/** Without a resolver file the pod asks the machine itself, which is what a resolver does without a nameserver line. */
function hostDns(node: NodeDns): DnsConfig {
  if (node.resolver) return node.resolver;
  const servers = node.nodeIps.map((ip) => (ip.includes(":") ? "::1" : "127.0.0.1"));
  return { servers: servers.length > 0 ? servers : ["127.0.0.1"], searches: ["."], options: [] };
}

function missingClusterDns(pod: Pod): readonly EventRecord[] {
  const message =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';
  const event = { type: "Warning", reason: "MissingClusterDNS" } as const;
  return [
    { ...event, message, about: { kind: "node" } },
    { ...event, message: `pod: "${podText(pod)}". ${message}`, about: podSubject(pod) },
  ];
}

function withPodDns(base: DnsConfig, own: PodDNSConfig): DnsConfig {
  const options = new Map(base.options.map((option) => [optionName(option), option]));
  for (const { name = "", value } of own.options ?? []) options.set(name, value ? `${name}:${value}` : name);
  return {
    servers: unique([...base.servers, ...(own.nameservers ?? [])]),
    searches: unique([...base.searches, ...(own.searches ?? [])]),
    options: [...options.values()],
  };
}

const unique = (items: readonly string[]): readonly string[] => [...new Set(items)];
