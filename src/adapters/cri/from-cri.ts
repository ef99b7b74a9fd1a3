import type {
  ContainerState,
  ContainerStats,
  ContainerStatus,
  ContainerSummary,
  FilesystemUsage,
  ImageInfo,
  LinuxResources,
  MountConfig,
  NamespaceMode,
  RuntimeCondition,
  RuntimeStatus,
  RuntimeVersion,
  SandboxState,
  SandboxStatus,
  SandboxSummary,
} from "../../model/runtime.ts";
import { type Attempt, badAnswer } from "./errors.ts";
import type { runtime } from "./generated/cri.js";

/** CRI messages as our values. What upstream's kubelet needs of an answer is checked here; the fault names the call that gave it. */

const CONTAINER_STATE: readonly ContainerState[] = ["created", "running", "exited", "unknown"];
const SANDBOX_STATE: readonly SandboxState[] = ["ready", "not-ready"];
const NAMESPACE_MODE: readonly NamespaceMode[] = ["pod", "container", "node", "target"];
const PROPAGATION: readonly MountConfig["propagation"][] = ["private", "host-to-container", "bidirectional"];

export function fromVersion(answer: runtime.v1.VersionResponse.$Properties, attempt: Attempt): RuntimeVersion {
  required(answer.version, "no version", attempt);
  return {
    name: required(answer.runtimeName, "no runtime_name", attempt),
    version: required(answer.runtimeVersion, "no runtime_version", attempt),
    apiVersion: required(answer.runtimeApiVersion, "no runtime_api_version", attempt),
  };
}

export function fromStatus(answer: runtime.v1.StatusResponse.$Properties, attempt: Attempt): RuntimeStatus {
  const conditions = answer.status?.conditions ?? [];
  const find = (type: string): RuntimeCondition => {
    const found = conditions.find((condition) => condition.type === type);
    if (!found) throw badAnswer(attempt, `no condition ${type}`);
    return { status: found.status ?? false, reason: found.reason ?? "", message: found.message ?? "" };
  };
  return {
    runtime: find("RuntimeReady"),
    network: find("NetworkReady"),
    handlers: (answer.runtimeHandlers ?? []).map(({ name, features }) => ({
      name: name ?? "",
      recursiveReadOnlyMounts: features?.recursiveReadOnlyMounts ?? false,
      userNamespaces: features?.userNamespaces ?? false,
    })),
    features: answer.features
      ? {
          supplementalGroupsPolicy: answer.features.supplementalGroupsPolicy ?? false,
          userNamespacesHostNetwork: answer.features.userNamespacesHostNetwork ?? false,
        }
      : undefined,
  };
}

export function fromSandbox(sandbox: runtime.v1.PodSandbox.$Properties, attempt: Attempt): SandboxSummary {
  const { metadata } = sandbox;
  if (!metadata) throw badAnswer(attempt, `sandbox ${sandbox.id ?? ""} without metadata`);
  return {
    id: required(sandbox.id, "a sandbox without id", attempt),
    metadata: {
      name: metadata.name ?? "",
      namespace: metadata.namespace ?? "",
      uid: metadata.uid ?? "",
      attempt: metadata.attempt ?? 0,
    },
    state: SANDBOX_STATE[sandbox.state ?? 0] ?? "not-ready",
    createdAt: sinceEpoch(sandbox.createdAt) ?? 0,
    labels: sandbox.labels ?? {},
    annotations: sandbox.annotations ?? {},
    runtimeHandler: sandbox.runtimeHandler ?? "",
  };
}

export function fromSandboxStatus(
  status: runtime.v1.PodSandboxStatus.$Properties | null | undefined,
  attempt: Attempt,
): SandboxStatus {
  if (!status) throw badAnswer(attempt, "no status");
  for (const field of ["name", "namespace", "uid"] as const) {
    required(status.metadata?.[field], `no metadata.${field}`, attempt);
  }
  if (!status.createdAt) throw badAnswer(attempt, "no created_at");
  const addresses = [status.network?.ip, ...(status.network?.additionalIps ?? []).map(({ ip }) => ip)];
  return {
    ...fromSandbox(status, attempt),
    ips: addresses.flatMap((ip) => (ip ? [ip] : [])),
    network: NAMESPACE_MODE[status.linux?.namespaces?.options?.network ?? 0] ?? "pod",
  };
}

export function fromContainer(container: runtime.v1.Container.$Properties, attempt: Attempt): ContainerSummary {
  return {
    id: required(container.id, "a container without id", attempt),
    sandboxId: container.podSandboxId ?? "",
    name: required(container.metadata?.name, `container ${container.id ?? ""} without metadata.name`, attempt),
    attempt: container.metadata?.attempt ?? 0,
    state: CONTAINER_STATE[container.state ?? 0] ?? "unknown",
    createdAt: sinceEpoch(container.createdAt) ?? 0,
    image: container.image?.image ?? "",
    imageRef: container.imageRef ?? "",
    labels: container.labels ?? {},
    annotations: container.annotations ?? {},
  };
}

export function fromContainerStatus(
  status: runtime.v1.ContainerStatus.$Properties | null | undefined,
  attempt: Attempt,
): ContainerStatus {
  if (!status) throw badAnswer(attempt, "no status");
  if (!status.createdAt) throw badAnswer(attempt, "no created_at");
  const user = status.user?.linux;
  return {
    id: required(status.id, "no id", attempt),
    name: required(status.metadata?.name, "no metadata.name", attempt),
    attempt: status.metadata?.attempt ?? 0,
    state: CONTAINER_STATE[status.state ?? 0] ?? "unknown",
    createdAt: sinceEpoch(status.createdAt) ?? 0,
    startedAt: sinceEpoch(status.startedAt),
    finishedAt: sinceEpoch(status.finishedAt),
    exitCode: status.exitCode ?? 0,
    reason: status.reason ?? "",
    message: status.message ?? "",
    image: required(status.image?.image, "no image.image", attempt),
    imageRef: required(status.imageRef, "no image_ref", attempt),
    imageId: status.imageId ?? "",
    labels: status.labels ?? {},
    annotations: status.annotations ?? {},
    mounts: (status.mounts ?? []).map(fromMount),
    logPath: status.logPath ?? "",
    user: user
      ? { uid: user.uid ?? 0, gid: user.gid ?? 0, supplementalGroups: user.supplementalGroups ?? [] }
      : undefined,
    resources: status.resources?.linux ? fromResources(status.resources.linux) : undefined,
  };
}

export function fromImage(image: runtime.v1.Image.$Properties, attempt: Attempt): ImageInfo {
  return {
    id: required(image.id, "an image without id", attempt),
    repoTags: image.repoTags ?? [],
    repoDigests: image.repoDigests ?? [],
    size: image.size ?? 0,
    uid: image.uid ? (image.uid.value ?? 0) : undefined,
    username: image.username ?? "",
    pinned: image.pinned ?? false,
  };
}

export const fromFilesystem = (usage: runtime.v1.FilesystemUsage.$Properties): FilesystemUsage => ({
  mountpoint: usage.fsId?.mountpoint ?? "",
  usedBytes: usage.usedBytes?.value ?? 0,
  inodesUsed: usage.inodesUsed?.value ?? 0,
});

export function required(value: string | null | undefined, problem: string, attempt: Attempt): string {
  if (value === undefined || value === null || value === "") throw badAnswer(attempt, problem);
  return value;
}

const fromMount = (mount: runtime.v1.Mount.$Properties): MountConfig => ({
  containerPath: mount.containerPath ?? "",
  hostPath: mount.hostPath ?? "",
  readonly: mount.readonly ?? false,
  seLinuxRelabel: mount.selinuxRelabel ?? false,
  propagation: PROPAGATION[mount.propagation ?? 0] ?? "private",
  ...(mount.recursiveReadOnly ? { recursiveReadOnly: true } : {}),
});

/** 0 and empty mean "not set" in CRI and are left out. */
function fromResources(linux: runtime.v1.LinuxContainerResources.$Properties): LinuxResources {
  const hugepageLimits = (linux.hugepageLimits ?? []).map(({ pageSize, limit }) => ({
    pageSize: pageSize ?? "",
    limit: limit ?? 0,
  }));
  return {
    ...(linux.cpuPeriod ? { cpuPeriod: linux.cpuPeriod } : {}),
    ...(linux.cpuQuota ? { cpuQuota: linux.cpuQuota } : {}),
    ...(linux.cpuShares ? { cpuShares: linux.cpuShares } : {}),
    ...(linux.memoryLimitInBytes ? { memoryLimitBytes: linux.memoryLimitInBytes } : {}),
    ...(linux.memorySwapLimitInBytes ? { memorySwapLimitBytes: linux.memorySwapLimitInBytes } : {}),
    ...(linux.oomScoreAdj ? { oomScoreAdj: linux.oomScoreAdj } : {}),
    ...(linux.cpusetCpus ? { cpusetCpus: linux.cpusetCpus } : {}),
    ...(linux.cpusetMems ? { cpusetMems: linux.cpusetMems } : {}),
    ...(hugepageLimits.length > 0 ? { hugepageLimits } : {}),
    ...(linux.unified && Object.keys(linux.unified).length > 0 ? { unified: linux.unified } : {}),
  };
}

/** Statistics of a container; parts that the runtime left out are undefined. */
export function fromStats(stats: runtime.v1.ContainerStats.$Properties, attempt: Attempt): ContainerStats {
  const { attributes, cpu, memory, swap, writableLayer } = stats;
  return {
    id: required(attributes?.id, "statistics without container id", attempt),
    name: attributes?.metadata?.name ?? attributes?.labels?.["io.kubernetes.container.name"] ?? "",
    podUid: attributes?.labels?.["io.kubernetes.pod.uid"] ?? "",
    cpu: cpu?.usageCoreNanoSeconds
      ? {
          at: sinceEpoch(cpu.timestamp) ?? 0,
          usageCoreNanoSeconds: cpu.usageCoreNanoSeconds.value ?? 0,
          usageNanoCores: cpu.usageNanoCores?.value ?? undefined,
        }
      : undefined,
    memory: memory?.workingSetBytes
      ? {
          at: sinceEpoch(memory.timestamp) ?? 0,
          workingSetBytes: memory.workingSetBytes.value ?? 0,
          usageBytes: memory.usageBytes?.value ?? undefined,
          rssBytes: memory.rssBytes?.value ?? undefined,
          availableBytes: leftOf(memory.availableBytes?.value),
          pageFaults: memory.pageFaults?.value ?? undefined,
          majorPageFaults: memory.majorPageFaults?.value ?? undefined,
        }
      : undefined,
    swap: swap?.swapUsageBytes
      ? {
          at: sinceEpoch(swap.timestamp) ?? 0,
          usageBytes: swap.swapUsageBytes.value ?? 0,
          availableBytes: swap.swapAvailableBytes?.value ?? undefined,
        }
      : undefined,
    writableLayer: writableLayer
      ? {
          at: sinceEpoch(writableLayer.timestamp) ?? 0,
          mountpoint: writableLayer.fsId?.mountpoint ?? "",
          usedBytes: writableLayer.usedBytes?.value ?? 0,
          inodesUsed: writableLayer.inodesUsed?.value ?? 0,
        }
      : undefined,
  };
}

/** containerd says 0 where there is no limit, and counts below 0 as beyond 2^63 where more is used than a limit that was lowered. */
function leftOf(bytes: number | null | undefined): number | undefined {
  if (!bytes) return undefined;
  return bytes < 2 ** 63 ? bytes : 0;
}

/** Nanoseconds since the epoch to milliseconds; 0 and anything before 1970 (runtimes send Go's zero time) is undefined. */
const sinceEpoch = (nanoseconds: number | null | undefined): number | undefined =>
  nanoseconds && nanoseconds > 0 ? nanoseconds / 1e6 : undefined;
