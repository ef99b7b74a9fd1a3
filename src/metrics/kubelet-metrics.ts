import { ProbeMetrics } from "./probe-metrics.ts";
import {
  type Counter,
  exponentialBuckets,
  type Gauge,
  type Histogram,
  type Labels,
  MetricRegistry,
} from "./registry.ts";

/** What the rooms of the node report. Names, types, labels and buckets are upstream's (kubelet-surface.md 4.1). */
export interface KubeletMetrics {
  /** For those that only some nodes have. */
  readonly registry: MetricRegistry;
  /** Of `/metrics/probes`. */
  readonly probes: ProbeMetrics;
  /** All of it in the Prometheus text format, with what is known elsewhere read first. */
  render(): Promise<string>;
  /** Labels: operation_type, in upstream's words (`create_container`, …). */
  readonly runtimeOperations: Counter;
  readonly runtimeOperationErrors: Counter;
  readonly runtimeOperationSeconds: Histogram;
  readonly startedPods: Counter;
  readonly startedPodErrors: Counter;
  /** Labels: container_type (`container`, `init_container`, `podsandbox`, `ephemeral_container`); errors also code. */
  readonly startedContainers: Counter;
  readonly startedContainerErrors: Counter;
  readonly podStartSeconds: Histogram;
  readonly podStatusSyncSeconds: Histogram;
  /** Here: one verification sweep; there is no global relist. */
  readonly relistSeconds: Histogram;
  readonly httpRequests: Counter;
  readonly httpInflight: Gauge;
  /** Labels: subresource (`exec`, `attach`, `portforward`). Those that the kubelet itself translates. */
  readonly webSocketStreams: Counter;
}

export interface ProcessReading {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly openFiles: number;
  readonly maxFiles: number;
  readonly startSeconds: number;
}

export interface Running {
  /** Pods with a sandbox that runs. */
  readonly pods: number;
  /** By state: `running`, `exited`, `created`, `unknown`. */
  readonly containers: ReadonlyMap<string, number>;
}

export interface BuildFacts {
  /** `v1.37.0-kubelet-ts.0.1.0` */
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly buildDate: string;
  readonly nodeVersion: string;
  readonly platform: string;
}

export interface MetricFacts {
  readonly nodeName: string;
  readonly cgroupVersion: 1 | 2;
  readonly build: BuildFacts;
  /** Asked for at each reading. */
  readonly process?: () => Promise<ProcessReading>;
  readonly running?: () => Running;
}

const POD_STATUS_SYNC_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20, 30, 45, 60];
const POD_START_BUCKETS = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
];
const RUNTIME_BUCKETS = exponentialBuckets(0.005, 2.5, 14);

/** A registry with the metrics that exist so far. */
export function makeKubeletMetrics(facts: MetricFacts): KubeletMetrics {
  const registry = new MetricRegistry();
  const operation = ["operation_type"];
  registerFacts(registry, facts);
  registerRunning(registry, facts);
  const readProcess = registerProcess(registry, facts);
  return {
    registry,
    probes: new ProbeMetrics(),
    async render() {
      await readProcess();
      return registry.render();
    },
    runtimeOperations: registry.counter({
      name: "kubelet_runtime_operations_total",
      help: "[ALPHA] Cumulative number of runtime operations by operation type.",
      labels: operation,
    }),
    runtimeOperationErrors: registry.counter({
      name: "kubelet_runtime_operations_errors_total",
      help: "[ALPHA] Cumulative number of runtime operation errors by operation type.",
      labels: operation,
    }),
    runtimeOperationSeconds: registry.histogram({
      name: "kubelet_runtime_operations_duration_seconds",
      help: "[ALPHA] Duration in seconds of runtime operations. Broken down by operation type.",
      labels: operation,
      buckets: RUNTIME_BUCKETS,
    }),
    startedPods: registry.counter({
      name: "kubelet_started_pods_total",
      help: "[ALPHA] Cumulative number of pods started",
    }),
    startedPodErrors: registry.counter({
      name: "kubelet_started_pods_errors_total",
      help: "[ALPHA] Cumulative number of errors when starting pods",
    }),
    startedContainers: registry.counter({
      name: "kubelet_started_containers_total",
      help: "[ALPHA] Cumulative number of containers started",
      labels: ["container_type"],
    }),
    startedContainerErrors: registry.counter({
      name: "kubelet_started_containers_errors_total",
      help: "[ALPHA] Cumulative number of errors when starting containers",
      labels: ["container_type", "code"],
    }),
    podStatusSyncSeconds: registry.histogram({
      name: "kubelet_pod_status_sync_duration_seconds",
      help: "[ALPHA] Duration in seconds from a change of a pod's status until the API server has it.",
      buckets: POD_STATUS_SYNC_BUCKETS,
    }),
    podStartSeconds: registry.histogram({
      name: "kubelet_pod_start_duration_seconds",
      help: "[ALPHA] Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run",
      buckets: POD_START_BUCKETS,
    }),
    relistSeconds: registry.histogram({
      name: "kubelet_pleg_relist_duration_seconds",
      help: "[ALPHA] Duration in seconds of one verification sweep over all pods (there is no periodic relist).",
    }),
    httpRequests: registry.counter({
      name: "kubelet_http_requests_total",
      help: "[ALPHA] Number of the http requests received since the server started",
      labels: ["method", "path", "server_type", "long_running"],
    }),
    httpInflight: registry.gauge({
      name: "kubelet_http_inflight_requests",
      help: "[ALPHA] Number of the inflight http requests",
      labels: ["method", "path", "server_type", "long_running"],
    }),
    webSocketStreams: registry.counter({
      name: "kubelet_websocket_streaming_requests_total",
      help: "[ALPHA] Total number of WebSocket streaming requests (exec/attach/portforward) received by the kubelet.",
      labels: ["subresource"],
    }),
  };
}

function registerFacts(registry: MetricRegistry, facts: MetricFacts): void {
  registry
    .gauge({ name: "kubelet_node_name", help: "[ALPHA] The node's name. The count is always 1.", labels: ["node"] })
    .set(1, { node: facts.nodeName });
  registry
    .gauge({ name: "kubelet_cgroup_version", help: "[ALPHA] cgroup version on the hosts." })
    .set(facts.cgroupVersion);
  const { build } = facts;
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)/.exec(build.gitVersion) ?? [];
  registry
    .gauge({
      name: "kubernetes_build_info",
      help: "[BETA] A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
      labels: [
        "build_date",
        "compiler",
        "git_commit",
        "git_tree_state",
        "git_version",
        "go_version",
        "major",
        "minor",
        "platform",
      ],
    })
    .set(1, {
      build_date: build.buildDate,
      compiler: "node",
      git_commit: build.gitCommit,
      git_tree_state: "",
      git_version: build.gitVersion,
      go_version: build.nodeVersion,
      major,
      minor,
      platform: build.platform,
    });
}

function registerRunning(registry: MetricRegistry, { running }: MetricFacts): void {
  if (!running) return;
  const pods = { name: "kubelet_running_pods", help: "[ALPHA] Number of pods that have a running pod sandbox" };
  registry.computed("gauge", pods, () => [[{}, running().pods]]);
  const containers = {
    name: "kubelet_running_containers",
    help: "[ALPHA] Number of containers currently running",
    labels: ["container_state"],
  };
  registry.computed("gauge", containers, () =>
    [...running().containers].map(([state, count]) => [{ container_state: state }, count]),
  );
}

/** Returns what has to be called before a rendering: the files of the process are read once for all of its series. */
function registerProcess(registry: MetricRegistry, { process }: MetricFacts): () => Promise<void> {
  let last: ProcessReading | undefined;
  const reading = (type: "counter" | "gauge", name: string, help: string, pick: (seen: ProcessReading) => number) =>
    registry.computed(type, { name, help }, () => (last ? [[{} satisfies Labels, pick(last)]] : []));
  reading(
    "counter",
    "process_cpu_seconds_total",
    "Total user and system CPU time spent in seconds.",
    (seen) => seen.cpuSeconds,
  );
  reading("gauge", "process_resident_memory_bytes", "Resident memory size in bytes.", (seen) => seen.residentBytes);
  reading("gauge", "process_virtual_memory_bytes", "Virtual memory size in bytes.", (seen) => seen.virtualBytes);
  reading("gauge", "process_open_fds", "Number of open file descriptors.", (seen) => seen.openFiles);
  reading("gauge", "process_max_fds", "Maximum number of open file descriptors.", (seen) => seen.maxFiles);
  reading(
    "gauge",
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
    (seen) => seen.startSeconds,
  );
  return async () => {
    last = await process?.();
  };
}
