import type {
  ContainerConfig,
  LinuxResources,
  MountConfig,
  NamespaceMode,
  NamespaceOptions,
  RegistryAuth,
  SandboxConfig,
  SecurityProfile,
} from "../../model/runtime.ts";
import type { runtime } from "./generated/cri.js";

/** Our values as CRI messages. Absent is null: the encoder leaves it out. */

const NAMESPACE_MODE: { readonly [M in NamespaceMode]: number } = { pod: 0, container: 1, node: 2, target: 3 };
const PROFILE: { readonly [K in SecurityProfile["kind"]]: number } = {
  "runtime-default": 0,
  unconfined: 1,
  localhost: 2,
};
const GROUPS_POLICY = { Merge: 0, Strict: 1 } as const;
const PROTOCOL = { TCP: 0, UDP: 1, SCTP: 2 } as const;
const PROPAGATION: { readonly [P in MountConfig["propagation"]]: number } = {
  private: 0,
  "host-to-container": 1,
  bidirectional: 2,
};

export function toSandboxConfig(config: SandboxConfig): runtime.v1.PodSandboxConfig.$Properties {
  const { security } = config;
  return {
    metadata: { ...config.metadata },
    hostname: config.hostname,
    logDirectory: config.logDirectory,
    dnsConfig: {
      servers: [...config.dns.servers],
      searches: [...config.dns.searches],
      options: [...config.dns.options],
    },
    portMappings: config.portMappings.map((mapping) => ({ ...mapping, protocol: PROTOCOL[mapping.protocol] })),
    labels: config.labels,
    annotations: config.annotations,
    linux: {
      cgroupParent: config.cgroupParent,
      sysctls: config.sysctls,
      overhead: config.overhead === undefined ? null : toResources(config.overhead),
      resources: config.resources === undefined ? null : toResources(config.resources),
      securityContext: {
        namespaceOptions: toNamespaces(security.namespaces),
        selinuxOptions: security.seLinux ?? null,
        runAsUser: int64(security.runAsUser),
        runAsGroup: int64(security.runAsGroup),
        readonlyRootfs: security.readonlyRootfs,
        supplementalGroups: [...security.supplementalGroups],
        supplementalGroupsPolicy: GROUPS_POLICY[security.supplementalGroupsPolicy],
        privileged: security.privileged,
        seccomp: toProfile(security.seccomp),
      },
    },
  };
}

export function toContainerConfig(config: ContainerConfig): runtime.v1.ContainerConfig.$Properties {
  return {
    metadata: { name: config.name, attempt: config.attempt },
    image: {
      image: config.image,
      userSpecifiedImage: config.userSpecifiedImage,
      annotations: config.imageAnnotations ?? null,
    },
    command: [...config.command],
    args: [...config.args],
    workingDir: config.workingDir,
    envs: config.envs.map(({ key, value }) => ({ key, value: Buffer.from(value) })),
    mounts: config.mounts.map(toMount),
    devices: config.devices.map((device) => ({ ...device })),
    labels: config.labels,
    annotations: config.annotations,
    logPath: config.logPath,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    linux: { resources: toResources(config.resources), securityContext: toContainerSecurity(config.security) },
  };
}

function toContainerSecurity(
  security: ContainerConfig["security"],
): runtime.v1.LinuxContainerSecurityContext.$Properties {
  return {
    capabilities: {
      addCapabilities: [...security.capabilitiesAdd],
      dropCapabilities: [...security.capabilitiesDrop],
    },
    privileged: security.privileged,
    namespaceOptions: toNamespaces(security.namespaces),
    selinuxOptions: security.seLinux ?? null,
    runAsUser: int64(security.runAsUser),
    runAsGroup: int64(security.runAsGroup),
    runAsUsername: security.runAsUsername ?? null,
    readonlyRootfs: security.readonlyRootfs,
    supplementalGroups: [...security.supplementalGroups],
    supplementalGroupsPolicy: GROUPS_POLICY[security.supplementalGroupsPolicy],
    noNewPrivs: security.noNewPrivs,
    maskedPaths: [...security.maskedPaths],
    readonlyPaths: [...security.readonlyPaths],
    seccomp: toProfile(security.seccomp),
    apparmor: security.appArmor === undefined ? null : toProfile(security.appArmor),
  };
}

export function toResources(resources: LinuxResources): runtime.v1.LinuxContainerResources.$Properties {
  return {
    cpuPeriod: resources.cpuPeriod ?? null,
    cpuQuota: resources.cpuQuota ?? null,
    cpuShares: resources.cpuShares ?? null,
    memoryLimitInBytes: resources.memoryLimitBytes ?? null,
    memorySwapLimitInBytes: resources.memorySwapLimitBytes ?? null,
    oomScoreAdj: resources.oomScoreAdj ?? null,
    cpusetCpus: resources.cpusetCpus ?? null,
    cpusetMems: resources.cpusetMems ?? null,
    hugepageLimits: (resources.hugepageLimits ?? []).map((limit) => ({ ...limit })),
    unified: resources.unified ?? null,
  };
}

export function toAuth(auth: RegistryAuth): runtime.v1.AuthConfig.$Properties {
  return {
    username: auth.username,
    password: auth.password,
    auth: auth.auth ?? null,
    serverAddress: auth.serverAddress ?? null,
    identityToken: auth.identityToken ?? null,
    registryToken: auth.registryToken ?? null,
  };
}

const toMount = (mount: MountConfig): runtime.v1.Mount.$Properties => ({
  containerPath: mount.containerPath,
  hostPath: mount.hostPath,
  readonly: mount.readonly,
  selinuxRelabel: mount.seLinuxRelabel,
  propagation: PROPAGATION[mount.propagation],
  recursiveReadOnly: mount.recursiveReadOnly ?? null,
});

const toNamespaces = (options: NamespaceOptions): runtime.v1.NamespaceOption.$Properties => ({
  network: NAMESPACE_MODE[options.network],
  pid: NAMESPACE_MODE[options.pid],
  ipc: NAMESPACE_MODE[options.ipc],
  targetId: options.targetId ?? null,
});

const toProfile = (profile: SecurityProfile): runtime.v1.SecurityProfile.$Properties => ({
  profileType: PROFILE[profile.kind],
  localhostRef: profile.localhostRef ?? null,
});

const int64 = (value: number | undefined): runtime.v1.Int64Value.$Properties | null =>
  value === undefined ? null : { value };
