/**
 * What a container runtime is told and what it tells, as values: CRI v1 in our own terms. Times are wall clock milliseconds
 * since the epoch (may have a fraction), undefined where CRI says 0.
 */

export type SandboxState = "ready" | "not-ready";
export type ContainerState = "created" | "running" | "exited" | "unknown";

export interface SandboxMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
}

/** One sandbox as in `ListPodSandbox`. */
export interface SandboxSummary {
  readonly id: string;
  readonly metadata: SandboxMetadata;
  readonly state: SandboxState;
  readonly createdAt: number;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly runtimeHandler: string;
}

/** One sandbox as in `PodSandboxStatus`. */
export interface SandboxStatus extends SandboxSummary {
  /** Primary address first; empty for host network or while not ready. */
  readonly ips: readonly string[];
  readonly network: NamespaceMode;
}

/** One container as in `ListContainers`. */
export interface ContainerSummary {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  readonly createdAt: number;
  readonly image: string;
  readonly imageRef: string;
  readonly labels: StringMap;
  readonly annotations: StringMap;
}

/** One container as in `ContainerStatus`. */
export interface ContainerStatus {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** The image as the runtime names it. */
  readonly image: string;
  /** Digest form where the runtime has one. */
  readonly imageRef: string;
  readonly imageId: string;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly mounts: readonly MountConfig[];
  readonly logPath: string;
  readonly user:
    | { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] }
    | undefined;
  readonly resources: LinuxResources | undefined;
}

export type StringMap = { readonly [key: string]: string };
export type NamespaceMode = "pod" | "container" | "node" | "target";

export interface NamespaceOptions {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  /** Container whose PID namespace is joined, with pid "target". */
  readonly targetId?: string;
}

export interface SecurityProfile {
  readonly kind: "runtime-default" | "unconfined" | "localhost";
  readonly localhostRef?: string;
}

export interface SELinuxOptions {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

/** `LinuxPodSandboxConfig` and what belongs to it. */
export interface SandboxConfig {
  readonly metadata: SandboxMetadata;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns: DnsConfig;
  readonly portMappings: readonly PortMapping[];
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly cgroupParent: string;
  readonly sysctls: StringMap;
  readonly overhead: LinuxResources | undefined;
  readonly resources: LinuxResources | undefined;
  readonly security: {
    readonly namespaces: NamespaceOptions;
    readonly privileged: boolean;
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly supplementalGroups: readonly number[];
    readonly supplementalGroupsPolicy: "Merge" | "Strict";
    readonly readonlyRootfs: boolean;
    readonly seccomp: SecurityProfile;
    readonly seLinux?: SELinuxOptions;
  };
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  /** 0: not mapped. */
  readonly hostPort: number;
  readonly hostIp: string;
}

export interface LinuxResources {
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitBytes?: number;
  readonly memorySwapLimitBytes?: number;
  readonly oomScoreAdj?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly unified?: StringMap;
}

export interface MountConfig {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly seLinuxRelabel: boolean;
  readonly propagation: "private" | "host-to-container" | "bidirectional";
  readonly recursiveReadOnly?: boolean;
}

/** `ContainerConfig` and its Linux part. */
export interface ContainerConfig {
  readonly name: string;
  readonly attempt: number;
  /** Reference that the image service gave back for what is to run. */
  readonly image: string;
  /** The image as the pod says it. */
  readonly userSpecifiedImage: string;
  /** Image annotations of the pod that the runtime may look at. */
  readonly imageAnnotations?: StringMap;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly MountConfig[];
  readonly devices: readonly {
    readonly containerPath: string;
    readonly hostPath: string;
    readonly permissions: string;
  }[];
  readonly labels: StringMap;
  readonly annotations: StringMap;
  /** Relative to the sandbox's log directory. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly resources: LinuxResources;
  readonly security: {
    readonly namespaces: NamespaceOptions;
    readonly privileged: boolean;
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly runAsUsername?: string;
    readonly supplementalGroups: readonly number[];
    readonly supplementalGroupsPolicy: "Merge" | "Strict";
    readonly readonlyRootfs: boolean;
    readonly noNewPrivs: boolean;
    readonly capabilitiesAdd: readonly string[];
    readonly capabilitiesDrop: readonly string[];
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly seccomp: SecurityProfile;
    readonly appArmor?: SecurityProfile;
    readonly seLinux?: SELinuxOptions;
  };
}

/** Registry credentials for one pull. Never log. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

export interface ImageInfo {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly size: number;
  /** Numeric user of the image, undefined where it has none or a name. */
  readonly uid: number | undefined;
  readonly username: string;
  readonly pinned: boolean;
}

export interface FilesystemUsage {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

export interface RuntimeVersion {
  readonly name: string;
  readonly version: string;
  readonly apiVersion: string;
}

export interface RuntimeCondition {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** `Status`: is the runtime fit, is its network, and what it can do. */
export interface RuntimeStatus {
  readonly runtime: RuntimeCondition;
  readonly network: RuntimeCondition;
  /** One per RuntimeClass handler, "" for the default; empty where the runtime does not tell. */
  readonly handlers: readonly RuntimeHandler[];
  /** undefined: an older runtime, which does not tell. */
  readonly features:
    | { readonly supplementalGroupsPolicy: boolean; readonly userNamespacesHostNetwork: boolean }
    | undefined;
}

export interface RuntimeHandler {
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface ExecRequest extends AttachRequest {
  readonly command: readonly string[];
}

/** One container as in `ListContainerStats`. Times as everywhere in this file. undefined: the runtime does not tell. */
export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  readonly podUid: string;
  readonly cpu:
    | { readonly at: number; readonly usageCoreNanoSeconds: number; readonly usageNanoCores: number | undefined }
    | undefined;
  readonly memory:
    | {
        readonly at: number;
        readonly workingSetBytes: number;
        readonly usageBytes: number | undefined;
        readonly rssBytes: number | undefined;
        readonly availableBytes: number | undefined;
        readonly pageFaults: number | undefined;
        readonly majorPageFaults: number | undefined;
      }
    | undefined;
  readonly swap:
    | { readonly at: number; readonly usageBytes: number; readonly availableBytes: number | undefined }
    | undefined;
  readonly writableLayer:
    | { readonly at: number; readonly mountpoint: string; readonly usedBytes: number; readonly inodesUsed: number }
    | undefined;
}

/** Something happened to a container or sandbox. Only a hint: look again. */
export interface RuntimeEvent {
  readonly kind: "created" | "started" | "stopped" | "deleted" | "oom";
  /** Container id, or the sandbox's own. */
  readonly id: string;
  /** Where the runtime says it. */
  readonly podUid?: string;
}

/**
 * The process of a container has ended, says who waited for it. No hint but a fact, and told before the runtime's own answers agree: it has yet to write
 * the last lines of the log and its new state down.
 */
export interface ContainerExit {
  readonly kind: "exited";
  readonly id: string;
  readonly exitCode: number;
  /** Wall clock milliseconds since the epoch. */
  readonly finishedAt: number;
  /** As the runtime's status will say it, but for an OOM kill. */
  readonly reason: string;
}

/** Everything seen of one pod at one time. Sandboxes and containers are sorted newest first. */
export interface PodSnapshot {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly sandboxes: readonly SandboxStatus[];
  readonly containers: readonly PodContainer[];
}

export interface PodContainer extends ContainerStatus {
  readonly sandboxId: string;
  /** It has ended, and the runtime does not say so yet: its log may lack the last lines. */
  readonly early?: true;
}
