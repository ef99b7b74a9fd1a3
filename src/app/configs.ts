import { dirname, join } from "node:path";
import { KubeletError } from "../base/fault.ts";
import { sideBySide } from "../base/side-by-side.ts";
import {
  containerConfig,
  type EnvironmentSources,
  environment,
  sandboxConfig,
  serviceEnvironment,
  subPathsOf,
  targetOf,
} from "../containers/index.ts";
import type { ContainerFacts } from "../lifecycle/index.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { podEtcHostsPath, podSubPathsDirectory } from "../model/names.ts";
import { namespaceOf, uidOf, usesHostNetwork, volumesOf } from "../model/pod.ts";
import { podAddresses } from "../model/pod-addresses.ts";
import { containerReferences, type ReferencedObject, type ReferenceKind } from "../model/referenced.ts";
import type { ContainerConfig, LinuxResources, SandboxConfig } from "../model/runtime.ts";
import { hasManagedHosts, hostsText, type NodeDns, podDns, podName, sandboxHostname } from "../network/index.ts";
import type { Events } from "../ports/events.ts";
import type { Files } from "../ports/files.ts";
import type { PodReferences } from "../ports/referenced.ts";

export interface NodeSettings {
  readonly nodeName: string;
  readonly nodeIps: readonly string[];
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly clusterDomain: string;
  readonly seccompDefault: boolean;
  readonly maskedPaths: readonly string[];
  /** Amounts for downward fields without a limit. */
  readonly allocatable: { readonly [resource: string]: string };
}

export interface ConfigDeps {
  readonly files: Files;
  readonly events: Events;
  readonly references: Pick<PodReferences, "objects" | "services">;
  readonly settings: NodeSettings;
  /** Read anew each time: the node's resolver may change. */
  readonly nodeDns: () => Promise<NodeDns>;
  /** Why pods can't have a network of their own now; undefined: they can. */
  readonly networkProblem?: (() => string | undefined) | undefined;
  readonly cgroupParent: (pod: Pod) => string;
  readonly sandboxResources: (pod: Pod) => { readonly resources: LinuxResources; readonly overhead: LinuxResources };
  readonly containerResources: (pod: Pod, container: Container) => LinuxResources;
  /** Binds a path inside a volume safely to `target`. */
  readonly subPath: (volume: string, path: string, target: string) => Promise<void>;
}

const MAX_HOSTS_FILE = 1024 * 1024;

/** Builds what the runtime is told, from the pod and what this node knows. */
export function createConfigs(deps: ConfigDeps) {
  const { settings, files } = deps;

  async function sandbox(pod: Pod, attempt: number): Promise<SandboxConfig> {
    const problem = usesHostNetwork(pod) ? undefined : deps.networkProblem?.();
    if (problem !== undefined)
      throw new KubeletError(`network is not ready: ${problem}`, { code: "network-not-ready" });
    const { dns, warnings } = podDns(pod, await deps.nodeDns());
    for (const warning of warnings) deps.events.record(warning);
    return sandboxConfig(pod, {
      attempt,
      hostname: sandboxHostname(pod, settings.clusterDomain),
      dns,
      podLogsDir: settings.podLogsDir,
      cgroupParent: deps.cgroupParent(pod),
      ...deps.sandboxResources(pod),
    });
  }

  async function container(
    pod: Pod,
    spec: Container,
    facts: ContainerFacts,
    signal: AbortSignal,
  ): Promise<ContainerConfig> {
    const podIps = usesHostNetwork(pod) ? settings.nodeIps : facts.sandbox.ips;
    const sources = await environmentSources(pod, spec, deps.references, signal);
    const around = {
      nodeName: settings.nodeName,
      hostIps: settings.nodeIps,
      // As the status shows them; the hosts file has all that the runtime tells, in its order.
      podIps: podAddresses(podIps, settings.nodeIps),
      allocatable: settings.allocatable,
      sources,
    };
    const subPaths = new Map<number, string>();
    for (const { index, volume, path } of subPathsOf(spec, environment(pod, spec, around))) {
      const target = join(podSubPathsDirectory(settings.rootDir, uidOf(pod)), volume, spec.name, `${index}`);
      await deps.subPath(facts.volumes.get(volume) ?? "", path, target);
      subPaths.set(index, target);
    }
    return containerConfig(pod, spec, {
      ...around,
      attempt: facts.attempt,
      targetId: targetOf(spec, facts.seen),
      imageRef: facts.image.ref,
      imageUser: facts.image.info,
      volumes: facts.volumes,
      subPaths,
      readonlyVolumes: new Set(
        volumesOf(pod)
          .filter(({ configMap, secret, downwardAPI, projected }) => configMap ?? secret ?? downwardAPI ?? projected)
          .map(({ name }) => name),
      ),
      etcHostsPath: await writeHosts(pod, podIps),
      terminationLogPath: facts.terminationLog,
      seLinux: false,
      resources: deps.containerResources(pod, spec),
      rootDir: settings.rootDir,
      seccompDefault: settings.seccompDefault,
      maskedPaths: settings.maskedPaths,
    });
  }

  /** Shared by all containers of the pod and written over in place: those that run see the change. */
  async function writeHosts(pod: Pod, podIps: readonly string[]): Promise<string | undefined> {
    if (!hasManagedHosts(pod, podIps)) return undefined;
    const path = podEtcHostsPath(settings.rootDir, uidOf(pod));
    const own = usesHostNetwork(pod)
      ? ((await files.read("/etc/hosts", MAX_HOSTS_FILE)) ?? new Uint8Array())
      : undefined;
    const text = hostsText(pod, podIps, podName(pod, settings.clusterDomain), own ? new TextDecoder().decode(own) : "");
    await files.makeDirectory(dirname(path), 0o750);
    await files.writeInPlace(path, text, 0o644);
    return path;
  }

  return { sandbox, container };
}

/**
 * Everything that a container's variables come from, read before it is needed.
 * @throws KubeletError `waiting` for what can't be told of yet
 */
async function environmentSources(
  pod: Pod,
  container: Container,
  references: ConfigDeps["references"],
  signal: AbortSignal,
): Promise<EnvironmentSources> {
  const namespace = namespaceOf(pod);
  const found = new Map<string, ReferencedObject[ReferenceKind]>();
  const reading = containerReferences(container).map(async ({ kind, name }) => {
    const object = await references.objects.find(kind, namespace, name, signal);
    if (object) found.set(`${kind}/${name}`, object);
  });
  // Of several that can't be told of, the same one is always the one that is said.
  const [known] = await sideBySide([references.services(pod, signal), ...reading]);
  return {
    object: <K extends ReferenceKind>(kind: K, name: string) =>
      found.get(`${kind}/${name}`) as ReferencedObject[K] | undefined,
    whyMissing: (kind, name) => references.objects.whyMissing(kind, namespace, name),
    services: serviceEnvironment(known),
  };
}
