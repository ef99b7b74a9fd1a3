import type { Container, Pod } from "../model/kubernetes.ts";
import { podLogDirectory } from "../model/names.ts";
import { containersOf, hasPrivilegedContainer, nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import type { DnsConfig, LinuxResources, PortMapping, SandboxConfig, StringMap } from "../model/runtime.ts";
import { sandboxLabels } from "./metadata.ts";
import { groupsPolicyOf, namespacesOf, seLinuxOf } from "./security.ts";

/** What a sandbox needs to know beside the pod. */
export interface SandboxContext {
  readonly attempt: number;
  /** From the network room; empty with the node's network. */
  readonly hostname: string;
  readonly dns: DnsConfig;
  readonly podLogsDir: string;
  readonly cgroupParent: string;
  readonly resources: LinuxResources | undefined;
  readonly overhead: LinuxResources | undefined;
  /** Groups that volumes ask for. */
  readonly volumeGroups?: readonly number[];
}

/**
 * What the runtime is told of a pod's sandbox.
 * @throws KubeletError `waiting` where the spec holds something that can't be told
 */
export function sandboxConfig(pod: Pod, context: SandboxContext): SandboxConfig {
  const security = pod.spec?.securityContext ?? {};
  const { runAsUser, runAsGroup, fsGroup, supplementalGroups = [] } = security;
  const seLinux = seLinuxOf(security.seLinuxOptions);
  const who = { name: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) };
  return {
    metadata: { ...who, attempt: context.attempt },
    hostname: context.hostname,
    logDirectory: podLogDirectory(context.podLogsDir, who),
    dns: context.dns,
    portMappings: containersOf(pod).flatMap(portMappings),
    labels: sandboxLabels(pod),
    annotations: pod.metadata?.annotations ?? {},
    cgroupParent: context.cgroupParent,
    sysctls: sysctlsOf(pod),
    overhead: context.overhead,
    resources: context.resources,
    security: {
      namespaces: namespacesOf(pod),
      privileged: hasPrivilegedContainer(pod),
      ...(runAsUser === undefined ? {} : { runAsUser }),
      ...(runAsGroup === undefined ? {} : { runAsGroup }),
      supplementalGroups: [
        ...(fsGroup === undefined ? [] : [fsGroup]),
        ...(context.volumeGroups ?? []),
        ...supplementalGroups,
      ],
      supplementalGroupsPolicy: groupsPolicyOf(pod),
      readonlyRootfs: false,
      // The sandbox itself needs nothing more, whatever the pod asks for its containers.
      seccomp: { kind: "runtime-default" },
      ...(seLinux ? { seLinux } : {}),
    },
  };
}

/** Ports of one container; a name, or a nameless port, that comes twice counts once. */
function portMappings({ ports = [] }: Container): readonly PortMapping[] {
  const mappings = new Map<string, PortMapping>();
  for (const { name, protocol, containerPort, hostPort = 0, hostIP = "" } of ports) {
    const family = hostIP === "" ? "any" : hostIP.includes(":") ? "v6" : "v4";
    const key = name || `${family}-${protocol ?? ""}-${hostIP}:${containerPort}:${hostPort}`;
    if (!mappings.has(key)) {
      mappings.set(key, { protocol: protocolOf(protocol), containerPort, hostPort, hostIp: hostIP });
    }
  }
  return [...mappings.values()];
}

const protocolOf = (text: string | undefined): PortMapping["protocol"] =>
  text === "UDP" || text === "SCTP" ? text : "TCP";

function sysctlsOf(pod: Pod): StringMap {
  const pairs = (pod.spec?.securityContext?.sysctls ?? []).map(({ name, value }) => [dotted(name), value]);
  return Object.fromEntries(pairs);
}

/** `net/ipv4/conf/eth0.1/x` is the same as `net.ipv4.conf.eth0/1.x`: the first separator tells which way it is written. */
function dotted(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === "/" ? name.replace(/[./]/g, (sign) => (sign === "/" ? "." : "/")) : name;
}
