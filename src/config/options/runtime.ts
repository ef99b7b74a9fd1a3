import { textMap, texts } from "../codecs-list.ts";
import { bool, duration, durationOrOff, int32, int64, sizeOrUnset, text } from "../codecs-scalar.ts";
import { option, optional } from "../option.ts";
import { atLeast, between, oneOf } from "../rules.ts";
import { allowlistProblem, cidrProblem, podLogsDirProblem } from "../syntax.ts";

export const RUNTIME = {
  containerRuntimeEndpoint: option(text, "unix:///run/containerd/containerd.sock", {
    flag: "container-runtime-endpoint",
    effect: "yes",
    help: 'Socket of the container runtime, or "embedded" for a private containerd under the root directory',
    rule: "not empty",
    check: (value) => (value === "" ? "must not be empty" : undefined),
  }),
  imageServiceEndpoint: option(text, "", {
    flag: "image-service-endpoint",
    effect: "yes",
    help: "Socket of the image service; empty: the runtime's",
  }),
  runtimeRequestTimeout: option(duration, "2m0s", {
    flag: "runtime-request-timeout",
    effect: "yes",
    help: "Deadline of runtime calls that are not long by nature",
  }),
  podCIDR: option(text, "", {
    flag: "pod-cidr",
    effect: "yes",
    help: "Addresses of pods, standalone mode only; with the embedded runtime those of its network",
    rule: "one CIDR, or one per address family",
    check: cidrProblem,
  }),
  hairpinMode: option(text, "promiscuous-bridge", {
    flag: "hairpin-mode",
    effect: "not-yet",
    help: "How a pod reaches itself through a service",
    ...oneOf("promiscuous-bridge", "hairpin-veth", "none"),
  }),
} as const;

export const IMAGES = {
  serializeImagePulls: option(bool, true, {
    flag: "serialize-image-pulls",
    effect: "yes",
    help: "Pull one image at a time; false unless given when maxParallelImagePulls is above 1",
  }),
  maxParallelImagePulls: optional(int32, {
    effect: "yes",
    help: "Pulls at once, no value for no limit",
    ...atLeast(1),
  }),
  registryPullQPS: option(int32, 5, {
    flag: "registry-qps",
    effect: "yes",
    unit: "per second",
    help: "Image pulls, 0 for no limit",
    ...atLeast(0),
  }),
  registryBurst: option(int32, 10, {
    flag: "registry-burst",
    effect: "yes",
    zero: "unset",
    help: "Image pulls in a burst",
    ...atLeast(0),
  }),
  imagePullCredentialsVerificationPolicy: option(text, "NeverVerifyPreloadedImages", {
    effect: "yes",
    help: "Whether a pod must show credentials for an image that is present",
    rule: "NeverVerify, NeverVerifyPreloadedImages, NeverVerifyAllowlistedImages, AlwaysVerify; empty with gate KubeletEnsureSecretPulledImages off",
  }),
  preloadedImagesVerificationAllowlist: option(texts, [], {
    effect: "yes",
    help: "Images exempt from that check; a name may end in /*",
    rule: "no tag or digest; only with NeverVerifyAllowlistedImages",
    check: allowlistProblem,
  }),
  imageMinimumGCAge: option(duration, "2m0s", {
    flag: "minimum-image-ttl-duration",
    effect: "not-yet",
    help: "Age before an unused image may be removed",
    rule: ">= 0",
  }),
  imageMaximumGCAge: option(duration, "0s", {
    effect: "not-yet",
    help: "Unused images older than this are removed, 0 for never",
    rule: ">= 0; above imageMinimumGCAge when set",
  }),
  imageGCHighThresholdPercent: option(int32, 85, {
    flag: "image-gc-high-threshold",
    effect: "not-yet",
    unit: "% of the disk",
    help: "Use at which image removal begins",
    ...between(0, 100),
  }),
  imageGCLowThresholdPercent: option(int32, 80, {
    flag: "image-gc-low-threshold",
    effect: "not-yet",
    unit: "% of the disk",
    help: "Use at which image removal ends",
    rule: "0 to 100, below imageGCHighThresholdPercent",
    check: between(0, 100).check,
  }),
} as const;

export const PODS = {
  syncFrequency: option(duration, "1m0s", {
    flag: "sync-frequency",
    effect: "yes",
    help: "Longest time between looks at one pod",
  }),
  maxPods: option(int32, 110, {
    flag: "max-pods",
    effect: "yes",
    zero: "unset",
    help: "Pods on this node",
    ...atLeast(0),
  }),
  podsPerCore: option(int32, 0, {
    flag: "pods-per-core",
    effect: "yes",
    help: "Pods for each core, within maxPods; 0 for no such limit",
    ...atLeast(0),
  }),
  podPidsLimit: option(int64, -1, {
    flag: "pod-max-pids",
    effect: "yes",
    help: "Processes in one pod; negative for no limit of its own",
  }),
  podLogsDir: option(text, "/var/log/pods", {
    effect: "yes",
    path: true,
    help: "Directory of pod logs",
    rule: "absolute, normalized, ASCII",
    check: podLogsDirProblem,
  }),
  clusterDomain: option(text, "", {
    flag: "cluster-domain",
    effect: "yes",
    help: "DNS domain of the cluster, searched by pods",
  }),
  clusterDNS: option(texts, [], {
    flag: "cluster-dns",
    effect: "yes",
    help: "DNS servers of pods with policy ClusterFirst",
  }),
  resolvConf: option(text, "/etc/resolv.conf", {
    flag: "resolv-conf",
    effect: "yes",
    zero: "kept",
    path: true,
    help: "Resolver file of the node that pods take over; empty for none",
  }),
  "crashLoopBackOff.maxContainerRestartPeriod": option(duration, "5m0s", {
    effect: "yes",
    zero: "kept",
    help: "Longest wait before a crashing container starts again",
    rule: "1s to 5m; no value with gate KubeletCrashLoopBackOffMax off",
  }),
  containerLogMaxSize: option(sizeOrUnset, "10Mi", {
    flag: "container-log-max-size",
    effect: "not-yet",
    zero: "unset",
    help: "Size at which a container's log is rotated",
  }),
  containerLogMaxFiles: option(int32, 5, {
    flag: "container-log-max-files",
    effect: "not-yet",
    help: "Log files of one container",
    rule: "> 1",
    check: atLeast(2).check,
  }),
  containerLogMaxWorkers: option(int32, 1, { effect: "not-yet", help: "Log rotations at once", ...atLeast(1) }),
  containerLogMonitorInterval: option(duration, "10s", {
    effect: "not-yet",
    zero: "kept",
    help: "Period between looks at log sizes",
    rule: ">= 3s",
  }),
  allowedUnsafeSysctls: option(texts, [], {
    flag: "allowed-unsafe-sysctls",
    effect: "yes",
    help: "Sysctls that pods may set beside the safe ones; a name may end in *",
  }),
  defaultPodSysctls: option(
    textMap,
    {},
    {
      effect: "not-yet",
      help: "Sysctls of every pod that does not set them",
      rule: "gate DefaultPodSysctls; namespaced names, each once",
    },
  ),
  seccompDefault: option(bool, false, {
    effect: "yes",
    help: "Seccomp profile RuntimeDefault for containers that name none; the flag --seccomp-default switches it on too",
  }),
  enableControllerAttachDetach: option(bool, true, {
    flag: "enable-controller-attach-detach",
    effect: "not-yet",
    help: "Leave attaching of volumes to the cluster's controller",
  }),
  volumePluginDir: option(text, "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/", {
    flag: "volume-plugin-dir",
    effect: "not-yet",
    path: true,
    help: "Directory of FlexVolume drivers",
  }),
  volumeStatsAggPeriod: option(durationOrOff, "1m0s", {
    flag: "volume-stats-agg-period",
    effect: "not-yet",
    help: "Period of measuring volumes, negative for never",
  }),
  localStorageCapacityIsolation: option(bool, true, {
    flag: "local-storage-capacity-isolation",
    effect: "not-yet",
    help: "Account for ephemeral storage",
  }),
  configMapAndSecretChangeDetectionStrategy: option(text, "Watch", {
    effect: "not-yet",
    help: "How changes of ConfigMaps and Secrets are noticed",
    ...oneOf("Get", "Cache", "Watch"),
  }),
  "userNamespaces.idsPerPod": optional(int64, {
    effect: "not-yet",
    help: "User and group IDs of a pod with a user namespace; no value: 65536",
    rule: "multiple of 65536, 65536 to 4294967295",
  }),
  runOnce: option(bool, false, {
    flag: "runonce",
    effect: "not-yet",
    help: "Removed mode",
    rule: "must be false",
    check: (value) => (value ? "must be false: run-once mode is gone" : undefined),
  }),
} as const;
