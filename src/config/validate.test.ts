import assert from "node:assert/strict";
import { test } from "node:test";
import { loadYaml, problemsOfLoad } from "./fake-machine.ts";

/** One row per rule: a file that breaks it, and the field that is named. */
const broken: readonly [yaml: string, field: string, message: RegExp][] = [
  ["nodeLeaseDurationSeconds: -1", "nodeLeaseDurationSeconds", /at least 1/],
  ["systemCgroups: /a", "systemCgroups", /needs cgroupRoot/],
  ["eventBurst: -1", "eventBurst", /at least 0/],
  ["eventRecordQPS: -1", "eventRecordQPS", /at least 0/],
  ["healthzPort: 65536", "healthzPort", /between 0 and 65535/],
  ["port: 65536", "port", /between 1 and 65535/],
  ["readOnlyPort: -1", "readOnlyPort", /between 0 and 65535/],
  ["cpuCFSQuotaPeriod: 2s", "cpuCFSQuotaPeriod", /between 1ms and 1s/],
  ["cpuCFSQuotaPeriod: 1us", "cpuCFSQuotaPeriod", /between 1ms and 1s/],
  [
    "featureGates: {CustomCPUCFSQuotaPeriod: false}\ncpuCFSQuotaPeriod: 200ms",
    "cpuCFSQuotaPeriod",
    /needs feature gate/,
  ],
  ["imageGCHighThresholdPercent: 101", "imageGCHighThresholdPercent", /between 0 and 100/],
  ["imageGCLowThresholdPercent: 85", "imageGCLowThresholdPercent", /less than imageGCHighThresholdPercent/],
  ["imageMinimumGCAge: -1s", "imageMinimumGCAge", /must not be negative/],
  ["imageMaximumGCAge: -1s", "imageMaximumGCAge", /must not be negative/],
  ["imageMaximumGCAge: 1m", "imageMaximumGCAge", /longer than imageMinimumGCAge/],
  ["iptablesDropBit: 32", "iptablesDropBit", /between 0 and 31/],
  ["iptablesMasqueradeBit: -1", "iptablesMasqueradeBit", /between 0 and 31/],
  ["kubeAPIBurst: -1", "kubeAPIBurst", /at least 0/],
  ["kubeAPIQPS: -1", "kubeAPIQPS", /at least 0/],
  ["nodeStatusMaxImages: -2", "nodeStatusMaxImages", /at least -1/],
  ["maxOpenFiles: -1", "maxOpenFiles", /at least 0/],
  ["maxPods: -1", "maxPods", /at least 0/],
  ["oomScoreAdj: -1001", "oomScoreAdj", /between -1000 and 1000/],
  ["podsPerCore: -1", "podsPerCore", /at least 0/],
  ["registryBurst: -1", "registryBurst", /at least 0/],
  ["registryPullQPS: -1", "registryPullQPS", /at least 0/],
  ["maxParallelImagePulls: 0", "maxParallelImagePulls", /at least 1/],
  [
    "maxParallelImagePulls: 2\nserializeImagePulls: true",
    "maxParallelImagePulls",
    /unless serializeImagePulls is false/,
  ],
  ["runOnce: true", "runOnce", /must be false/],
  ["registerWithTaints: [{key: a b}]", "registerWithTaints[0].key", /valid label key/],
  ["registerWithTaints: [{key: a, value: 'b c'}]", "registerWithTaints[0].value", /valid label value/],
  ["registerWithTaints: [{key: a, effect: Never}]", "registerWithTaints[0].effect", /must be one of/],
  [
    "registerWithTaints: [{key: a, timeAdded: '2026-01-01T00:00:00Z'}]",
    "registerWithTaints[0].timeAdded",
    /must not be set/,
  ],
  ["topologyManagerPolicy: best", "topologyManagerPolicy", /must be one of none, best-effort/],
  ["topologyManagerScope: node", "topologyManagerScope", /must be one of container, pod/],
  ["shutdownGracePeriod: 500ms", "shutdownGracePeriod", /0 or at least 1s/],
  [
    "shutdownGracePeriod: 10s\nshutdownGracePeriodCriticalPods: 500ms",
    "shutdownGracePeriodCriticalPods",
    /0 or at least 1s/,
  ],
  ["shutdownGracePeriodCriticalPods: 5s", "shutdownGracePeriodCriticalPods", /not be longer/],
  [
    "shutdownGracePeriod: 5s\nshutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 5}]",
    "shutdownGracePeriodByPodPriority",
    /cannot stand beside/,
  ],
  [
    "shutdownGracePeriodByPodPriority: [{priority: 1}]\nfeatureGates: {GracefulNodeShutdownBasedOnPodPriority: false}",
    "shutdownGracePeriodByPodPriority",
    /needs feature gate/,
  ],
  [
    "shutdownGracePeriod: 5s\nfeatureGates: {GracefulNodeShutdown: false, GracefulNodeShutdownBasedOnPodPriority: false, WindowsGracefulNodeShutdown: false}",
    "shutdownGracePeriod",
    /needs feature gate/,
  ],
  ["memorySwap: {swapBehavior: Some}", "memorySwap.swapBehavior", /must be one of/],
  [
    "crashLoopBackOff: {maxContainerRestartPeriod: 0s}",
    "crashLoopBackOff.maxContainerRestartPeriod",
    /between 1s and 5m/,
  ],
  [
    "crashLoopBackOff: {maxContainerRestartPeriod: 301s}",
    "crashLoopBackOff.maxContainerRestartPeriod",
    /between 1s and 5m/,
  ],
  [
    "crashLoopBackOff: {maxContainerRestartPeriod: 5s}\nfeatureGates: {KubeletCrashLoopBackOffMax: false}",
    "crashLoopBackOff.maxContainerRestartPeriod",
    /needs feature gate/,
  ],
  ["enforceNodeAllocatable: [some]", "enforceNodeAllocatable[0]", /must be one of none, pods/],
  ["enforceNodeAllocatable: [pods, pods]", "enforceNodeAllocatable[1]", /repeats "pods"/],
  ["enforceNodeAllocatable: [none, pods]", "enforceNodeAllocatable", /nothing else beside "none"/],
  ["enforceNodeAllocatable: [system-reserved]", "systemReservedCgroup", /must be set/],
  ["enforceNodeAllocatable: [kube-reserved-compressible]", "kubeReservedCgroup", /must be set/],
  [
    "enforceNodeAllocatable: [kube-reserved, kube-reserved-compressible]\nkubeReservedCgroup: /k",
    "enforceNodeAllocatable",
    /must not hold both/,
  ],
  ["cgroupsPerQOS: false", "cgroupsPerQOS", /must be true while enforceNodeAllocatable holds pods/],
  ["hairpinMode: straight", "hairpinMode", /must be one of/],
  ["imagePullCredentialsVerificationPolicy: Always", "imagePullCredentialsVerificationPolicy", /must be one of/],
  [
    "imagePullCredentialsVerificationPolicy: AlwaysVerify\nfeatureGates: {KubeletEnsureSecretPulledImages: false}",
    "imagePullCredentialsVerificationPolicy",
    /needs feature gate/,
  ],
  [
    "preloadedImagesVerificationAllowlist: [a]",
    "preloadedImagesVerificationAllowlist",
    /needs imagePullCredentialsVerificationPolicy/,
  ],
  [
    "imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\npreloadedImagesVerificationAllowlist: ['a:1']",
    "preloadedImagesVerificationAllowlist",
    /without tag/,
  ],
  [
    "imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\npreloadedImagesVerificationAllowlist: ['a/*/b']",
    "preloadedImagesVerificationAllowlist",
    /ending in/,
  ],
  ["reservedSystemCPUs: 3-1", "reservedSystemCPUs", /list of CPUs/],
  ["reservedSystemCPUs: '0'\nkubeReservedCgroup: /k", "reservedSystemCPUs", /cannot stand beside/],
  ["reservedMemory: [{numaNode: 0, limits: {cpu: 1}}]", "reservedMemory[0].limits.cpu", /no kind of memory/],
  ["reservedMemory: [{numaNode: 0, limits: {memory: 0}}]", "reservedMemory[0].limits.memory", /must not be zero/],
  [
    "reservedMemory: [{numaNode: 0, limits: {memory: 1}}, {numaNode: 0, limits: {memory: 2}}]",
    "reservedMemory[1].limits.memory",
    /given twice/,
  ],
  ["showHiddenMetricsForVersion: '1.35'", "showHiddenMetricsForVersion", /must be one of/],
  ["logging: {format: xml}", "logging.format", /text, json/],
  ["logging: {flushFrequency: -1s}", "logging.flushFrequency", /must not be negative/],
  ["logging: {format: json, vmodule: [{filePattern: a, verbosity: 1}]}", "logging.vmodule", /format text only/],
  ["logging: {vmodule: [{filePattern: 'a=b'}]}", "logging.vmodule[0].filePattern", /must not be empty or hold/],
  [
    "logging: {options: {text: {splitStream: true}}}",
    "logging.options.text.splitStream",
    /needs feature gate LoggingAlphaOptions/,
  ],
  [
    "logging: {options: {json: {infoBufferSize: 1Mi}}}",
    "logging.options.json.infoBufferSize",
    /needs feature gate LoggingAlphaOptions/,
  ],
  ["tracing: {endpoint: 'http://a'}", "tracing.endpoint", /scheme dns/],
  ["tracing: {samplingRatePerMillion: 1000001}", "tracing.samplingRatePerMillion", /between 0 and 1000000/],
  ["memoryThrottlingFactor: 0", "memoryThrottlingFactor", /above 0 and at most 1/],
  [
    "memoryThrottlingFactor: 0.8\nfeatureGates: {MemoryQoS: false}",
    "memoryThrottlingFactor",
    /needs feature gate MemoryQoS/,
  ],
  ["memoryReservationPolicy: Some", "memoryReservationPolicy", /must be one of/],
  [
    "memoryReservationPolicy: TieredReservation\nfeatureGates: {MemoryQoS: false}",
    "memoryReservationPolicy",
    /needs feature gate/,
  ],
  ["enableSystemLogQuery: true\nenableSystemLogHandler: false", "enableSystemLogQuery", /needs enableSystemLogHandler/],
  ["containerLogMaxWorkers: 0", "containerLogMaxWorkers", /at least 1/],
  ["containerLogMonitorInterval: 2s", "containerLogMonitorInterval", /at least 3s/],
  ["containerLogMaxFiles: 1", "containerLogMaxFiles", /at least 2/],
  ["containerLogMaxSize: -1Mi", "containerLogMaxSize", /must not be negative/],
  ["podLogsDir: /var/../log", "podLogsDir", /must be normalized/],
  ["podLogsDir: /var/lög", "podLogsDir", /ASCII/],
  ["userNamespaces: {idsPerPod: 65537}", "userNamespaces.idsPerPod", /multiple of 65536/],
  ["userNamespaces: {idsPerPod: 0}", "userNamespaces.idsPerPod", /multiple of 65536/],
  ["defaultPodSysctls: {net.ipv4.tcp_syncookies: '1'}", "defaultPodSysctls", /needs feature gate/],
  [
    "featureGates: {DefaultPodSysctls: true}\ndefaultPodSysctls: {vm.swappiness: '1'}",
    "defaultPodSysctls.vm.swappiness",
    /not known to belong to a namespace/,
  ],
  [
    "featureGates: {DefaultPodSysctls: true}\ndefaultPodSysctls: {net.a: '1', net/a: '1'}",
    "defaultPodSysctls.net/a",
    /given twice/,
  ],
  [
    "featureGates: {DefaultPodSysctls: true}\ndefaultPodSysctls: {Net: '1'}",
    "defaultPodSysctls.Net",
    /no valid sysctl name/,
  ],
  ["evictionHard: {memory.avail: 1Gi}", "evictionHard.memory.avail", /no known eviction signal/],
  ["evictionHard: {memory.available: 0}", "evictionHard", /must be a map of strings/],
  ["evictionHard: {memory.available: '0'}", "evictionHard.memory.available", /more than zero/],
  ["evictionHard: {memory.available: 101%}", "evictionHard.memory.available", /0% to 100%/],
  ["evictionSoft: {memory.available: 1Gi}", "evictionSoft.memory.available", /needs evictionSoftGracePeriod/],
  [
    "evictionSoftGracePeriod: {memory.available: '5'}",
    "evictionSoftGracePeriod.memory.available",
    /must be a duration/,
  ],
  ["evictionMinimumReclaim: {memory.available: 0%}", "evictionMinimumReclaim.memory.available", /above 0%/],
  ["systemReserved: {gpu: '1'}", "systemReserved.gpu", /cannot be reserved/],
  ["kubeReserved: {memory: -1Gi}", "kubeReserved.memory", /must not be negative/],
  ["kubeReserved: {memory: much}", "kubeReserved.memory", /must be a quantity/],
  ["qosReserved: {memory: '50'}", "qosReserved.memory", /percentage/],
  ["qosReserved: {cpu: 50%}", "qosReserved.cpu", /only memory can/],
  ["configMapAndSecretChangeDetectionStrategy: Guess", "configMapAndSecretChangeDetectionStrategy", /must be one of/],
  ["cpuManagerPolicy: dynamic", "cpuManagerPolicy", /none, static/],
  ["memoryManagerPolicy: static", "memoryManagerPolicy", /None, Static/],
  ["tlsMinVersion: TLS12", "tlsMinVersion", /VersionTLS12/],
  ["tlsCipherSuites: [TLS_AES_128_GCM_SHA257]", "tlsCipherSuites", /did you mean TLS_AES_128_GCM_SHA256/],
  ["tlsCurvePreferences: [23, 23]", "tlsCurvePreferences", /twice/],
  ["tlsCurvePreferences: [99]", "tlsCurvePreferences", /does not know group 99/],
  ["podCIDR: 10.0.0.0", "podCIDR", /must be a CIDR/],
  ["syncFrequency: -1s", "syncFrequency", /must not be negative/],
];
for (const [yaml, field, message] of broken) {
  test(`validate() names ${field} of ${JSON.stringify(yaml)}`, async () => {
    const problems = await problemsOfLoad(loadYaml(`${yaml}\n`));
    const found = problems.find((problem) => problem.field === field && message.test(problem.message));
    assert.ok(found, JSON.stringify(problems));
    assert.equal(problems.length, 1, JSON.stringify(problems));
  });
}

test("validate() names serverTLSBootstrap without its gate", async () => {
  const yaml = "serverTLSBootstrap: true\nfeatureGates: {RotateKubeletServerCertificate: false}\n";
  const problems = await problemsOfLoad(loadYaml(yaml, ["--kubeconfig=/k"]));
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["serverTLSBootstrap"],
  );
  assert.match(problems[0]?.message ?? "", /needs feature gate/);
});

const accepted: readonly string[] = [
  "cgroupsPerQOS: false\nenforceNodeAllocatable: []",
  "cgroupsPerQOS: false\nenforceNodeAllocatable: [none]",
  "enforceNodeAllocatable: [pods, system-reserved]\nsystemReservedCgroup: /s",
  "evictionHard: {memory.available: 0%, nodefs.available: 100%}",
  "evictionSoft: {memory.available: 1.5Gi}\nevictionSoftGracePeriod: {memory.available: 1m30s}",
  "memoryThrottlingFactor: 0.9\nfeatureGates: {MemoryQoS: false}",
  "logging: {flushFrequency: 5000000000}",
  "logging: {options: {text: {splitStream: true, infoBufferSize: 1Ki}}}\nfeatureGates: {LoggingAlphaOptions: true}",
  "featureGates: {KubeletCrashLoopBackOffMax: false}",
  "featureGates: {DefaultPodSysctls: true}\ndefaultPodSysctls: {net.ipv4.ip_local_port_range: 1024 65535}",
  "tracing: {endpoint: localhost:4317, samplingRatePerMillion: 100}",
  "imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\npreloadedImagesVerificationAllowlist: [registry.io:5000/a, registry.io/b/*]",
  "podCIDR: 10.88.0.0/16,fd00::/64",
  "reservedSystemCPUs: 0-3,8",
];
for (const yaml of accepted) {
  test(`validate() accepts ${JSON.stringify(yaml)}`, async () => {
    assert.deepEqual(await problemsOfLoad(loadYaml(`${yaml}\n`)), []);
  });
}

test("on cgroup v1 the kubelet refuses unless told otherwise, and some options must keep away", async () => {
  const facts = { cgroupVersion: 1 as const };
  const refused = await problemsOfLoad(loadYaml("", [], facts));
  assert.deepEqual(
    refused.map(({ field }) => field),
    ["failCgroupV1"],
  );
  assert.match(refused[0]?.message ?? "", /set failCgroupV1: false/);
  assert.deepEqual(await problemsOfLoad(loadYaml("failCgroupV1: false\nsingleProcessOOMKill: true\n", [], facts)), []);
  const fields = await problemsOfLoad(
    loadYaml("failCgroupV1: false\nsingleProcessOOMKill: false\nmemorySwap: {swapBehavior: LimitedSwap}\n", [], facts),
  );
  assert.deepEqual(
    fields.map(({ field }) => field),
    ["singleProcessOOMKill", "memorySwap.swapBehavior"],
  );
});

const flags: readonly [argv: string, field: string, message: RegExp][] = [
  ["--node-labels=kubernetes.io/role=x", "--node-labels", /is reserved/],
  ["--node-labels=sub.k8s.io/role=x", "--node-labels", /is reserved/],
  ["--node-labels=a=b=c", "--node-labels", /no valid label value/],
  ["--node-labels=-a=b", "--node-labels", /no valid label key/],
  ["--cloud-provider=aws", "--cloud-provider", /must be one of/],
];
for (const [argv, field, message] of flags) {
  test(`validate() refuses ${argv}`, async () => {
    const problems = await problemsOfLoad(loadYaml("", [argv]));
    assert.deepEqual(
      problems.map((problem) => problem.field),
      [field],
    );
    assert.match(problems[0]?.message ?? "", message);
  });
}

test("labels of Kubernetes' own domains that are meant for kubelets pass", async () => {
  const labels =
    "kubernetes.io/os=linux,node.kubernetes.io/x=1,a.kubelet.kubernetes.io/y=2,topology.kubernetes.io/zone=z,own.example/role=x";
  assert.deepEqual(await problemsOfLoad(loadYaml("", [`--node-labels=${labels}`])), []);
});
