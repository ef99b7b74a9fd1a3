import assert from "node:assert/strict";
import { test } from "node:test";
import { fillDefaults } from "./defaults.ts";
import { judgeGates } from "./gates.ts";
import { type Json, valueAt } from "./json.ts";
import { FIELDS, FLAG_OPTIONS, FLAGS_BY_NAME, GROUPS } from "./table.ts";

/** Upstream's fields as v1.37.2 has them: path, flag ("" for none), default. Written from the reference, not from the table. */
const UPSTREAM: readonly (readonly [path: string, flag: string, fallback: Json | undefined])[] = [
  ["enableServer", "enable-server", true],
  ["staticPodPath", "pod-manifest-path", ""],
  ["podLogsDir", "", "/var/log/pods"],
  ["syncFrequency", "sync-frequency", "1m0s"],
  ["fileCheckFrequency", "file-check-frequency", "20s"],
  ["httpCheckFrequency", "http-check-frequency", "20s"],
  ["staticPodURL", "manifest-url", ""],
  ["staticPodURLHeader", "manifest-url-header", {}],
  ["address", "address", "0.0.0.0"],
  ["port", "port", 10250],
  ["readOnlyPort", "read-only-port", 0],
  ["tlsCertFile", "tls-cert-file", ""],
  ["tlsPrivateKeyFile", "tls-private-key-file", ""],
  ["tlsCipherSuites", "tls-cipher-suites", []],
  ["tlsCurvePreferences", "", []],
  ["tlsMinVersion", "tls-min-version", ""],
  ["rotateCertificates", "rotate-certificates", false],
  ["serverTLSBootstrap", "rotate-server-certificates", false],
  ["authentication.x509.clientCAFile", "client-ca-file", ""],
  ["authentication.webhook.enabled", "authentication-token-webhook", true],
  ["authentication.webhook.cacheTTL", "authentication-token-webhook-cache-ttl", "2m0s"],
  ["authentication.anonymous.enabled", "anonymous-auth", false],
  ["authorization.mode", "authorization-mode", "Webhook"],
  ["authorization.webhook.cacheAuthorizedTTL", "authorization-webhook-cache-authorized-ttl", "5m0s"],
  ["authorization.webhook.cacheUnauthorizedTTL", "authorization-webhook-cache-unauthorized-ttl", "30s"],
  ["registryPullQPS", "registry-qps", 5],
  ["registryBurst", "registry-burst", 10],
  ["imagePullCredentialsVerificationPolicy", "", "NeverVerifyPreloadedImages"],
  ["preloadedImagesVerificationAllowlist", "", []],
  ["eventRecordQPS", "event-qps", 50],
  ["eventBurst", "event-burst", 100],
  ["enableDebuggingHandlers", "enable-debugging-handlers", true],
  ["enableContentionProfiling", "contention-profiling", false],
  ["healthzPort", "healthz-port", 10248],
  ["healthzBindAddress", "healthz-bind-address", "127.0.0.1"],
  ["oomScoreAdj", "oom-score-adj", -999],
  ["clusterDomain", "cluster-domain", ""],
  ["clusterDNS", "cluster-dns", []],
  ["streamingConnectionIdleTimeout", "streaming-connection-idle-timeout", "4h0m0s"],
  ["nodeStatusUpdateFrequency", "node-status-update-frequency", "10s"],
  ["nodeStatusReportFrequency", "", "5m0s"],
  ["nodeLeaseDurationSeconds", "", 40],
  ["imageMinimumGCAge", "minimum-image-ttl-duration", "2m0s"],
  ["imageMaximumGCAge", "", "0s"],
  ["imageGCHighThresholdPercent", "image-gc-high-threshold", 85],
  ["imageGCLowThresholdPercent", "image-gc-low-threshold", 80],
  ["volumeStatsAggPeriod", "volume-stats-agg-period", "1m0s"],
  ["kubeletCgroups", "kubelet-cgroups", ""],
  ["systemCgroups", "system-cgroups", ""],
  ["cgroupRoot", "cgroup-root", ""],
  ["cgroupsPerQOS", "cgroups-per-qos", true],
  ["cgroupDriver", "cgroup-driver", "cgroupfs"],
  ["cpuManagerPolicy", "cpu-manager-policy", "none"],
  ["singleProcessOOMKill", "", undefined],
  ["cpuManagerPolicyOptions", "cpu-manager-policy-options", {}],
  ["cpuManagerReconcilePeriod", "cpu-manager-reconcile-period", "10s"],
  ["memoryManagerPolicy", "memory-manager-policy", "None"],
  ["topologyManagerPolicy", "topology-manager-policy", "none"],
  ["topologyManagerScope", "topology-manager-scope", "container"],
  ["topologyManagerPolicyOptions", "topology-manager-policy-options", {}],
  ["qosReserved", "qos-reserved", {}],
  ["runtimeRequestTimeout", "runtime-request-timeout", "2m0s"],
  ["hairpinMode", "hairpin-mode", "promiscuous-bridge"],
  ["maxPods", "max-pods", 110],
  ["podCIDR", "pod-cidr", ""],
  ["podPidsLimit", "pod-max-pids", -1],
  ["resolvConf", "resolv-conf", "/etc/resolv.conf"],
  ["runOnce", "runonce", false],
  ["cpuCFSQuota", "cpu-cfs-quota", true],
  ["cpuCFSQuotaPeriod", "cpu-cfs-quota-period", "100ms"],
  ["nodeStatusMaxImages", "node-status-max-images", 50],
  ["maxOpenFiles", "max-open-files", 1000000],
  ["contentType", "kube-api-content-type", "application/vnd.kubernetes.protobuf"],
  ["kubeAPIQPS", "kube-api-qps", 50],
  ["kubeAPIBurst", "kube-api-burst", 100],
  ["serializeImagePulls", "serialize-image-pulls", true],
  ["maxParallelImagePulls", "", undefined],
  ["evictionHard", "eviction-hard", {}],
  ["evictionSoft", "eviction-soft", {}],
  ["evictionSoftGracePeriod", "eviction-soft-grace-period", {}],
  ["evictionPressureTransitionPeriod", "eviction-pressure-transition-period", "5m0s"],
  ["evictionMaxPodGracePeriod", "eviction-max-pod-grace-period", 0],
  ["evictionMinimumReclaim", "eviction-minimum-reclaim", {}],
  ["mergeDefaultEvictionSettings", "", false],
  ["podsPerCore", "pods-per-core", 0],
  ["enableControllerAttachDetach", "enable-controller-attach-detach", true],
  ["protectKernelDefaults", "protect-kernel-defaults", false],
  ["makeIPTablesUtilChains", "make-iptables-util-chains", true],
  ["iptablesMasqueradeBit", "", 14],
  ["iptablesDropBit", "", 15],
  ["featureGates", "feature-gates", {}],
  ["failSwapOn", "fail-swap-on", true],
  ["memorySwap.swapBehavior", "", ""],
  ["containerLogMaxSize", "container-log-max-size", "10Mi"],
  ["containerLogMaxFiles", "container-log-max-files", 5],
  ["containerLogMaxWorkers", "", 1],
  ["containerLogMonitorInterval", "", "10s"],
  ["configMapAndSecretChangeDetectionStrategy", "", "Watch"],
  ["systemReserved", "system-reserved", {}],
  ["kubeReserved", "kube-reserved", {}],
  ["reservedSystemCPUs", "reserved-cpus", ""],
  ["showHiddenMetricsForVersion", "", ""],
  ["systemReservedCgroup", "system-reserved-cgroup", ""],
  ["kubeReservedCgroup", "kube-reserved-cgroup", ""],
  ["enforceNodeAllocatable", "enforce-node-allocatable", ["pods"]],
  ["allowedUnsafeSysctls", "allowed-unsafe-sysctls", []],
  ["defaultPodSysctls", "", {}],
  ["volumePluginDir", "volume-plugin-dir", "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/"],
  ["providerID", "provider-id", ""],
  ["kernelMemcgNotification", "kernel-memcg-notification", false],
  ["logging.format", "logging-format", "text"],
  ["logging.flushFrequency", "log-flush-frequency", "5s"],
  ["logging.verbosity", "v", 0],
  ["logging.vmodule", "vmodule", []],
  ["logging.options.text.splitStream", "log-text-split-stream", false],
  ["logging.options.text.infoBufferSize", "log-text-info-buffer-size", "0"],
  ["logging.options.json.splitStream", "log-json-split-stream", false],
  ["logging.options.json.infoBufferSize", "log-json-info-buffer-size", "0"],
  ["enableSystemLogHandler", "", true],
  ["enableSystemLogQuery", "", false],
  ["shutdownGracePeriod", "", "0s"],
  ["shutdownGracePeriodCriticalPods", "", "0s"],
  ["shutdownGracePeriodByPodPriority", "", []],
  ["crashLoopBackOff.maxContainerRestartPeriod", "", "5m0s"],
  ["reservedMemory", "reserved-memory", []],
  ["enableProfilingHandler", "", true],
  ["enableDebugFlagsHandler", "", true],
  ["seccompDefault", "", false],
  ["memoryThrottlingFactor", "", undefined],
  ["memoryReservationPolicy", "", "None"],
  ["registerWithTaints", "register-with-taints", []],
  ["registerNode", "register-node", true],
  ["tracing.endpoint", "", undefined],
  ["tracing.samplingRatePerMillion", "", undefined],
  ["localStorageCapacityIsolation", "local-storage-capacity-isolation", true],
  ["containerRuntimeEndpoint", "container-runtime-endpoint", "unix:///run/containerd/containerd.sock"],
  ["imageServiceEndpoint", "image-service-endpoint", ""],
  ["failCgroupV1", "fail-cgroupv1", true],
  ["userNamespaces.idsPerPod", "", undefined],
];
/** Upstream's flags without a field: name and default. */
const UPSTREAM_FLAGS: readonly (readonly [flag: string, fallback: Json])[] = [
  ["config", ""],
  ["config-dir", ""],
  ["kubeconfig", ""],
  ["bootstrap-kubeconfig", ""],
  ["cert-dir", "/var/lib/kubelet/pki"],
  ["root-dir", "/var/lib/kubelet"],
  ["hostname-override", ""],
  ["node-ip", ""],
  ["node-labels", {}],
  ["cloud-provider", ""],
  ["runtime-cgroups", ""],
  ["image-credential-provider-config", ""],
  ["image-credential-provider-bin-dir", ""],
  ["seccomp-default", false],
  ["lock-file", ""],
  ["exit-on-lock-contention", false],
  ["minimum-container-ttl-duration", "0s"],
  ["maximum-dead-containers-per-container", 1],
  ["maximum-dead-containers", -1],
  ["experimental-mounter-path", ""],
  ["experimental-allocatable-ignore-eviction", false],
  ["housekeeping-interval", "10s"],
];

const defaults = fillDefaults({}, judgeGates({}).on).doc;
for (const [path, flag, fallback] of UPSTREAM) {
  test(`the table has ${path} as upstream`, () => {
    assert.equal(FIELDS[path]?.flag ?? "", flag);
    assert.deepEqual(valueAt(defaults, path), fallback);
  });
}
for (const [flag, fallback] of UPSTREAM_FLAGS) {
  test(`the table has --${flag} as upstream`, () => {
    const target = FLAGS_BY_NAME.get(flag);
    assert.equal(target?.kind, "flag");
    assert.deepEqual(target?.option.fallback, fallback);
  });
}

test("the table has no field and no flag beside upstream's", () => {
  assert.deepEqual(
    Object.keys(FIELDS).filter((path) => !UPSTREAM.some(([known]) => known === path)),
    [],
  );
  const flags = new Set([...UPSTREAM.map(([, flag]) => flag), ...UPSTREAM_FLAGS.map(([flag]) => flag)]);
  assert.deepEqual(
    [...FLAGS_BY_NAME.keys()].filter((flag) => !flags.has(flag)),
    [],
  );
  // Upstream's help on Linux lists 131: these, --help and --version.
  assert.equal(FLAGS_BY_NAME.size + 2, 131);
});

test("every field stands in exactly one group of --help", () => {
  const grouped = GROUPS.slice(1).flatMap(({ options }) => Object.keys(options));
  assert.deepEqual(grouped.toSorted(), Object.keys(FIELDS).toSorted());
  assert.deepEqual(Object.keys(GROUPS[0]?.options ?? {}), Object.keys(FLAG_OPTIONS));
});

test("every default passes the rule of its own option", () => {
  for (const [name, { codec, fallback, check }] of Object.entries({ ...FIELDS, ...FLAG_OPTIONS })) {
    if (fallback === undefined) continue;
    const wrong: string[] = [];
    const report = { wrong: (field: string, message: string) => wrong.push(`${field} ${message}`), unknown: () => {} };
    assert.deepEqual(codec.read(fallback, name, report), fallback);
    assert.equal(check?.(codec.typed(fallback)), undefined, name);
    assert.deepEqual(wrong, []);
  }
});
