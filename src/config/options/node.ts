import { gates, textMap, textMapUnsplit, texts, thresholds } from "../codecs-list.ts";
import { priorityGraces, reservations, taints } from "../codecs-record.ts";
import { bool, duration, float, int32, int64, text } from "../codecs-scalar.ts";
import { option, optional } from "../option.ts";
import { atLeast, between, oneOf } from "../rules.ts";
import { tracingEndpointProblem } from "../syntax.ts";

export const NODE = {
  registerNode: option(bool, true, {
    flag: "register-node",
    effect: "yes",
    help: "Create the Node object; nothing to do in standalone mode",
  }),
  registerWithTaints: option(taints, [], {
    flag: "register-with-taints",
    effect: "yes",
    help: "Taints of a node that registers",
    rule: "valid taints without timeAdded",
  }),
  providerID: option(text, "", {
    flag: "provider-id",
    effect: "yes",
    deprecated: false,
    help: "The node's name at its cloud provider",
  }),
  nodeStatusUpdateFrequency: option(duration, "10s", {
    flag: "node-status-update-frequency",
    effect: "yes",
    help: "Period of computing the node's status",
  }),
  nodeStatusReportFrequency: option(duration, "5m0s", {
    effect: "yes",
    help: "Period of sending a node status that did not change; nodeStatusUpdateFrequency when only that is given",
  }),
  nodeLeaseDurationSeconds: option(int32, 40, {
    effect: "yes",
    zero: "unset",
    unit: "s",
    help: "Duration of the node lease",
    rule: "> 0",
    check: atLeast(1).check,
  }),
  nodeStatusMaxImages: option(int32, 50, {
    flag: "node-status-max-images",
    effect: "yes",
    help: "Images in the node's status, -1 for all",
    ...atLeast(-1),
  }),
  contentType: option(text, "application/vnd.kubernetes.protobuf", {
    flag: "kube-api-content-type",
    effect: "not-yet",
    help: "Encoding of requests to the API server",
  }),
  kubeAPIQPS: option(int32, 50, {
    flag: "kube-api-qps",
    effect: "yes",
    unit: "per second",
    help: "Requests to the API server",
    ...atLeast(0),
  }),
  kubeAPIBurst: option(int32, 100, {
    flag: "kube-api-burst",
    effect: "yes",
    zero: "unset",
    help: "Requests to the API server in a burst",
    ...atLeast(0),
  }),
  eventRecordQPS: option(int32, 50, {
    flag: "event-qps",
    effect: "yes",
    unit: "per second",
    help: "Events, 0 for no limit",
    ...atLeast(0),
  }),
  eventBurst: option(int32, 100, {
    flag: "event-burst",
    effect: "yes",
    zero: "unset",
    help: "Events in a burst",
    ...atLeast(0),
  }),
  shutdownGracePeriod: option(duration, "0s", {
    effect: "yes",
    help: "How long a node shutdown waits for pods, 0 for not at all",
    rule: "0 or >= 1s",
  }),
  shutdownGracePeriodCriticalPods: option(duration, "0s", {
    effect: "yes",
    help: "Part of it that is kept for critical pods",
    rule: "0 or >= 1s, within shutdownGracePeriod",
  }),
  shutdownGracePeriodByPodPriority: option(priorityGraces, [], {
    effect: "yes",
    help: "How long a node shutdown waits, by pod priority",
    rule: "not with the two above",
  }),
  featureGates: option(
    gates,
    {},
    {
      flag: "feature-gates",
      effect: "yes",
      help: "Features on or off",
      rule: "known gates; a locked gate keeps its value; what a gate needs is on",
    },
  ),
} as const;

export const RESOURCES = {
  cgroupRoot: option(text, "", {
    flag: "cgroup-root",
    effect: "yes",
    help: "Cgroup under which those of pods are made; empty: the root",
  }),
  cgroupsPerQOS: option(bool, true, {
    flag: "cgroups-per-qos",
    effect: "yes",
    help: "A cgroup for each QoS class and pod",
    rule: "true unless enforceNodeAllocatable is empty or none",
  }),
  cgroupDriver: option(text, "cgroupfs", {
    flag: "cgroup-driver",
    effect: "yes",
    help: "cgroupfs or systemd; used where the runtime does not say. The embedded runtime's, where set; else by the machine",
  }),
  failCgroupV1: option(bool, true, {
    flag: "fail-cgroupv1",
    effect: "yes",
    deprecated: false,
    help: "Refuse to start on a host with cgroup v1",
  }),
  cpuCFSQuota: option(bool, true, {
    flag: "cpu-cfs-quota",
    effect: "yes",
    help: "Hold containers to their CPU limits",
  }),
  cpuCFSQuotaPeriod: option(duration, "100ms", {
    flag: "cpu-cfs-quota-period",
    effect: "yes",
    zero: "kept",
    help: "Period over which CPU limits are measured",
    rule: "1ms to 1s",
  }),
  oomScoreAdj: option(int32, -999, {
    flag: "oom-score-adj",
    effect: "yes",
    help: "OOM score of the kubelet itself",
    ...between(-1000, 1000),
  }),
  maxOpenFiles: option(int64, 1000000, {
    flag: "max-open-files",
    effect: "not-yet",
    zero: "unset",
    help: "Files that the kubelet may have open",
    ...atLeast(0),
  }),
  kubeletCgroups: option(text, "", {
    flag: "kubelet-cgroups",
    effect: "not-yet",
    help: "Cgroup to put the kubelet in",
  }),
  systemCgroups: option(text, "", {
    flag: "system-cgroups",
    effect: "not-yet",
    help: "Cgroup to put other processes of the host in",
    rule: "needs cgroupRoot",
  }),
  systemReserved: option(
    textMap,
    {},
    {
      flag: "system-reserved",
      effect: "yes",
      help: "Resources kept for the host",
      rule: "quantities of cpu, memory, ephemeral-storage, pid",
    },
  ),
  kubeReserved: option(
    textMap,
    {},
    {
      flag: "kube-reserved",
      effect: "yes",
      help: "Resources kept for Kubernetes' own processes",
      rule: "quantities of cpu, memory, ephemeral-storage, pid",
    },
  ),
  systemReservedCgroup: option(text, "", {
    flag: "system-reserved-cgroup",
    effect: "not-yet",
    help: "Cgroup in which systemReserved is enforced",
  }),
  kubeReservedCgroup: option(text, "", {
    flag: "kube-reserved-cgroup",
    effect: "not-yet",
    help: "Cgroup in which kubeReserved is enforced",
  }),
  enforceNodeAllocatable: option(texts, ["pods"], {
    flag: "enforce-node-allocatable",
    effect: "yes",
    help: "What the node's allocatable resources are enforced on",
    rule: "none, pods, system-reserved, kube-reserved and their -compressible forms; each once; none alone",
  }),
  reservedSystemCPUs: option(text, "", {
    flag: "reserved-cpus",
    effect: "not-yet",
    help: "CPUs kept for the host, in place of reserved amounts",
    rule: "CPU list; without reserved cgroups",
  }),
  cpuManagerPolicy: option(text, "none", {
    flag: "cpu-manager-policy",
    effect: "not-yet",
    help: "none or static",
    ...oneOf("none", "static"),
  }),
  cpuManagerPolicyOptions: option(
    textMapUnsplit,
    {},
    { flag: "cpu-manager-policy-options", effect: "not-yet", help: "Options of the CPU policy" },
  ),
  cpuManagerReconcilePeriod: option(duration, "10s", {
    flag: "cpu-manager-reconcile-period",
    effect: "not-yet",
    help: "Period of checking CPU sets",
  }),
  memoryManagerPolicy: option(text, "None", {
    flag: "memory-manager-policy",
    effect: "not-yet",
    help: "None or Static",
    ...oneOf("None", "Static"),
  }),
  reservedMemory: option(reservations, [], {
    flag: "reserved-memory",
    effect: "not-yet",
    help: "Memory kept on each NUMA node",
    rule: "memory and hugepages-*, not zero, each once",
  }),
  topologyManagerPolicy: option(text, "none", {
    flag: "topology-manager-policy",
    effect: "not-yet",
    help: "How closely resources of a pod must lie together",
    ...oneOf("none", "best-effort", "restricted", "single-numa-node"),
  }),
  topologyManagerScope: option(text, "container", {
    flag: "topology-manager-scope",
    effect: "not-yet",
    help: "What is placed as one",
    ...oneOf("container", "pod"),
  }),
  topologyManagerPolicyOptions: option(
    textMap,
    {},
    { flag: "topology-manager-policy-options", effect: "not-yet", help: "Options of the topology policy" },
  ),
  qosReserved: option(
    textMap,
    {},
    {
      flag: "qos-reserved",
      effect: "not-yet",
      help: "Share of memory requests kept from lower QoS classes",
      rule: "memory: N%",
    },
  ),
  memoryThrottlingFactor: optional(float, {
    effect: "yes",
    help: "Share of the memory limit at which a container is slowed down; no value: never",
    rule: "above 0, at most 1",
  }),
  memoryReservationPolicy: option(text, "None", {
    effect: "yes",
    help: "How memory requests are protected",
    ...oneOf("None", "TieredReservation"),
  }),
  "memorySwap.swapBehavior": option(text, "", {
    effect: "yes",
    help: "Swap of pods; empty means NoSwap",
    rule: "NoSwap, LimitedSwap or empty; LimitedSwap needs cgroup v2",
    check: oneOf("", "NoSwap", "LimitedSwap").check,
  }),
  failSwapOn: option(bool, true, {
    flag: "fail-swap-on",
    effect: "yes",
    help: "Refuse to start on a host with swap",
  }),
  singleProcessOOMKill: optional(bool, {
    effect: "yes",
    help: "Kill one process of a container that is out of memory, not all",
    rule: "on cgroup v1 true or no value",
  }),
  protectKernelDefaults: option(bool, false, {
    flag: "protect-kernel-defaults",
    effect: "not-yet",
    help: "Fail on kernel settings that differ instead of changing them",
  }),
  makeIPTablesUtilChains: option(bool, true, {
    flag: "make-iptables-util-chains",
    effect: "not-yet",
    help: "Keep the iptables chain by which others find the right iptables",
  }),
  iptablesMasqueradeBit: option(int32, 14, {
    effect: "not-yet",
    help: "Without effect, upstream too",
    ...between(0, 31),
  }),
  iptablesDropBit: option(int32, 15, { effect: "not-yet", help: "Without effect, upstream too", ...between(0, 31) }),
} as const;

export const EVICTION = {
  evictionHard: option(
    thresholds,
    {},
    {
      flag: "eviction-hard",
      effect: "not-yet",
      help: "Thresholds at which pods are evicted at once, which so far shows in allocatable and conditions only; with --config, signals of the system where none are given",
      rule: "signals with a quantity or %",
    },
  ),
  evictionSoft: option(
    thresholds,
    {},
    {
      flag: "eviction-soft",
      effect: "not-yet",
      help: "Thresholds at which pods are evicted after a while, which so far shows in the node's conditions only",
      rule: "each with an evictionSoftGracePeriod",
    },
  ),
  evictionSoftGracePeriod: option(
    textMap,
    {},
    { flag: "eviction-soft-grace-period", effect: "not-yet", help: "That while, by signal", rule: "durations" },
  ),
  evictionPressureTransitionPeriod: option(duration, "5m0s", {
    flag: "eviction-pressure-transition-period",
    effect: "not-yet",
    help: "How long a pressure condition stays after its end",
  }),
  evictionMaxPodGracePeriod: option(int32, 0, {
    flag: "eviction-max-pod-grace-period",
    effect: "not-yet",
    unit: "s",
    help: "Cap on the grace of pods that are evicted softly",
  }),
  evictionMinimumReclaim: option(
    textMap,
    {},
    {
      flag: "eviction-minimum-reclaim",
      effect: "not-yet",
      help: "What an eviction must free at least, by signal",
      rule: "quantities or %",
    },
  ),
  mergeDefaultEvictionSettings: option(bool, false, {
    effect: "not-yet",
    help: "Keep the system's evictionHard signals beside those given",
  }),
  kernelMemcgNotification: option(bool, false, {
    flag: "kernel-memcg-notification",
    effect: "not-yet",
    help: "Let the kernel tell of memory thresholds",
  }),
} as const;

export const TRACING = {
  "tracing.endpoint": optional(text, {
    effect: "not-yet",
    help: "OTLP collector (gRPC); no value: localhost:4317",
    rule: "scheme dns, unix, unix-abstract or none",
    check: (value) => (value === undefined ? undefined : tracingEndpointProblem(value)),
  }),
  "tracing.samplingRatePerMillion": optional(int32, {
    effect: "not-yet",
    help: "Spans out of a million",
    ...between(0, 1_000_000),
  }),
  showHiddenMetricsForVersion: option(text, "", {
    effect: "not-yet",
    help: "Show metrics hidden since that minor version",
    ...oneOf("", "1.36"),
  }),
} as const;
