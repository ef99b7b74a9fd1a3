import { labels } from "../codecs-list.ts";
import { bool, duration, int32, text } from "../codecs-scalar.ts";
import { nodeIpProblem } from "../node-ip.ts";
import { option } from "../option.ts";
import { oneOf } from "../rules.ts";
import { nodeLabelsProblem } from "../syntax.ts";

/** Options that upstream has as flags only. The key is the name of the value in `KubeletFlags`. */
export const FLAGS = {
  config: option(text, "", { flag: "config", effect: "yes", deprecated: false, help: "KubeletConfiguration file" }),
  configDir: option(text, "", {
    flag: "config-dir",
    effect: "yes",
    deprecated: false,
    help: "Directory of drop-ins (*.conf) merged over the file",
  }),
  kubeconfig: option(text, "", {
    flag: "kubeconfig",
    effect: "yes",
    deprecated: false,
    help: "How to reach the API server; none: standalone mode",
  }),
  bootstrapKubeconfig: option(text, "", {
    flag: "bootstrap-kubeconfig",
    effect: "yes",
    deprecated: false,
    help: "Kubeconfig to get the first client certificate with",
  }),
  certDir: option(text, "/var/lib/kubelet/pki", {
    flag: "cert-dir",
    effect: "yes",
    deprecated: false,
    help: "Directory of certificates and keys",
  }),
  rootDir: option(text, "/var/lib/kubelet", {
    flag: "root-dir",
    effect: "yes",
    deprecated: false,
    help: "Directory of the kubelet's own state",
  }),
  hostnameOverride: option(text, "", {
    flag: "hostname-override",
    effect: "yes",
    deprecated: false,
    help: "Name of the node; empty: the host's name",
  }),
  nodeIP: option(text, "", {
    flag: "node-ip",
    effect: "yes",
    deprecated: false,
    help: "Address of the node, or one per family",
    rule: "0.0.0.0 and :: alone: which family is preferred",
    check: nodeIpProblem,
  }),
  nodeLabels: option(
    labels,
    {},
    {
      flag: "node-labels",
      effect: "yes",
      deprecated: false,
      help: "Labels of a node that registers",
      rule: "valid labels; of kubernetes.io and k8s.io only those meant for it",
      check: nodeLabelsProblem,
    },
  ),
  cloudProvider: option(text, "", {
    flag: "cloud-provider",
    effect: "yes",
    deprecated: false,
    help: "Empty, or external",
    ...oneOf("", "external"),
  }),
  runtimeCgroups: option(text, "", {
    flag: "runtime-cgroups",
    effect: "not-yet",
    deprecated: false,
    help: "Cgroup of the container runtime",
  }),
  imageCredentialProviderConfig: option(text, "", {
    flag: "image-credential-provider-config",
    effect: "not-yet",
    deprecated: false,
    help: "File or directory that configures credential providers",
  }),
  imageCredentialProviderBinDir: option(text, "", {
    flag: "image-credential-provider-bin-dir",
    effect: "not-yet",
    deprecated: false,
    help: "Directory of credential provider programs",
  }),
  seccompDefault: option(bool, false, {
    flag: "seccomp-default",
    effect: "yes",
    deprecated: false,
    help: "Switches seccompDefault on",
  }),
  lockFile: option(text, "", {
    flag: "lock-file",
    effect: "not-yet",
    deprecated: false,
    help: "File to lock at start, waiting for its holder",
  }),
  exitOnLockContention: option(bool, false, {
    flag: "exit-on-lock-contention",
    effect: "not-yet",
    deprecated: false,
    help: "End when another process opens the lock file",
  }),
  housekeepingInterval: option(duration, "10s", {
    flag: "housekeeping-interval",
    effect: "not-yet",
    deprecated: false,
    help: "Period of measuring containers",
  }),
  minimumContainerTTLDuration: option(duration, "0s", {
    flag: "minimum-container-ttl-duration",
    effect: "not-yet",
    help: "Age before a dead container may be removed",
  }),
  maximumDeadContainersPerContainer: option(int32, 1, {
    flag: "maximum-dead-containers-per-container",
    effect: "not-yet",
    help: "Dead instances kept for each container",
  }),
  maximumDeadContainers: option(int32, -1, {
    flag: "maximum-dead-containers",
    effect: "not-yet",
    help: "Dead containers kept on the node, negative for no limit",
  }),
  experimentalMounterPath: option(text, "", {
    flag: "experimental-mounter-path",
    effect: "not-yet",
    help: "Another mount program",
  }),
  experimentalAllocatableIgnoreEviction: option(bool, false, {
    flag: "experimental-allocatable-ignore-eviction",
    effect: "not-yet",
    help: "Leave hard eviction thresholds out of allocatable",
  }),
} as const;
