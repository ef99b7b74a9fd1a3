import type { ContainerStats, PodStats, Summary } from "./shapes.ts";

interface Sample {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number | undefined;
  /** Wall milliseconds; undefined: the sample carries no time. */
  readonly time?: number | undefined;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly samples: (summary: Summary) => readonly Sample[];
}

type Read<Subject> = (subject: Subject) => { readonly value: number | undefined; readonly time?: number | undefined };

const ofNode =
  (read: Read<Summary["node"]>) =>
  ({ node }: Summary): readonly Sample[] => [{ labels: [], ...read(node) }];

const podLabels = ({ podRef }: PodStats) =>
  [
    ["pod", podRef.name],
    ["namespace", podRef.namespace],
  ] as const;
const ofPods =
  (read: Read<PodStats>) =>
  ({ pods }: Summary): readonly Sample[] =>
    pods.map((pod) => ({ labels: podLabels(pod), ...read(pod) }));
const ofContainers =
  (read: Read<ContainerStats>) =>
  ({ pods }: Summary): readonly Sample[] =>
    pods.flatMap((pod) =>
      pod.containers.map((container) => ({
        labels: [["container", container.name] as const, ...podLabels(pod)],
        ...read(container),
      })),
    );

const cpu: Read<Pick<ContainerStats, "cpu">> = ({ cpu }) => ({
  value: cpu?.usageCoreNanoSeconds === undefined ? undefined : cpu.usageCoreNanoSeconds / 1e9,
  time: cpu?.time,
});
const memory: Read<Pick<ContainerStats, "memory">> = ({ memory }) => ({
  value: memory?.workingSetBytes,
  time: memory?.time,
});
const swap: Read<Pick<ContainerStats, "swap">> = ({ swap }) => ({ value: swap?.swapUsageBytes, time: swap?.time });
const swapLimit: Read<Pick<ContainerStats, "swap">> = ({ swap }) => ({
  value: swap?.swapAvailableBytes === undefined ? undefined : swap.swapAvailableBytes + (swap.swapUsageBytes ?? 0),
  time: swap?.time,
});
const startTime: Read<ContainerStats> = ({ startTime }) => ({ value: startTime / 1000 });

/** By name, with upstream's help texts (kubelet-surface.md 4.2). */
const FAMILIES: readonly Family[] = [
  {
    name: "container_cpu_usage_seconds_total",
    help: "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
    type: "counter",
    samples: ofContainers(cpu),
  },
  {
    name: "container_memory_working_set_bytes",
    help: "[STABLE] Current working set of the container in bytes",
    type: "gauge",
    samples: ofContainers(memory),
  },
  {
    name: "container_start_time_seconds",
    help: "[STABLE] Start time of the container since unix epoch in seconds",
    type: "gauge",
    samples: ofContainers(startTime),
  },
  {
    name: "container_swap_limit_bytes",
    help: "[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems",
    type: "gauge",
    samples: ofContainers(swapLimit),
  },
  {
    name: "container_swap_usage_bytes",
    help: "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems",
    type: "gauge",
    samples: ofContainers(swap),
  },
  {
    name: "node_cpu_usage_seconds_total",
    help: "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
    type: "counter",
    samples: ofNode(cpu),
  },
  {
    name: "node_memory_working_set_bytes",
    help: "[STABLE] Current working set of the node in bytes",
    type: "gauge",
    samples: ofNode(memory),
  },
  {
    name: "node_swap_usage_bytes",
    help: "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems",
    type: "gauge",
    samples: ofNode(swap),
  },
  {
    name: "pod_cpu_usage_seconds_total",
    help: "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
    type: "counter",
    samples: ofPods(cpu),
  },
  {
    name: "pod_memory_working_set_bytes",
    help: "[STABLE] Current working set of the pod in bytes",
    type: "gauge",
    samples: ofPods(memory),
  },
  {
    name: "pod_swap_usage_bytes",
    help: "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
    type: "gauge",
    samples: ofPods(swap),
  },
];
const ERROR = {
  name: "resource_scrape_error",
  help: "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise",
  type: "gauge",
} as const;

/** `/metrics/resource`. undefined: the summary could not be had, which is all that is said then. */
export function resourceMetrics(summary: Summary | undefined): string {
  const families = FAMILIES.map(({ samples, ...family }) => ({ ...family, samples: summary ? samples(summary) : [] }));
  const error: Sample = { labels: [], value: summary ? 0 : 1 };
  return [...families, { ...ERROR, samples: [error] }].map(familyText).join("");
}

/** A value that is unknown drops its sample, a family without samples is left out. */
function familyText({ name, help, type, samples }: Omit<Family, "samples"> & { samples: readonly Sample[] }): string {
  const lines = samples.flatMap(({ labels, value, time }) => {
    if (value === undefined || !Number.isFinite(value)) return [];
    const pairs = labels.map(([label, text]) => `${label}="${escaped(text)}"`);
    const suffix = time === undefined ? "" : ` ${Math.round(time)}`;
    return [`${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}${suffix}\n`];
  });
  return lines.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
