export {
  type BuildFacts,
  type KubeletMetrics,
  type MetricFacts,
  makeKubeletMetrics,
  type ProcessReading,
} from "./kubelet-metrics.ts";
export { type Counter, type Gauge, type Histogram, type Labels, MetricRegistry } from "./registry.ts";
