export {
  type CertificateMetrics,
  clientCertificateMetrics,
  servingCertificateMetrics,
} from "./certificate-metrics.ts";
export {
  type BuildFacts,
  type KubeletMetrics,
  type MetricFacts,
  makeKubeletMetrics,
  type ProcessReading,
  type Running,
} from "./kubelet-metrics.ts";
export { measuredImages, measuredRuntime, type OperationMetrics } from "./measured-runtime.ts";
export { type ProbedContainer, ProbeMetrics } from "./probe-metrics.ts";
export { type Counter, type Gauge, type Histogram, type Labels, MetricRegistry } from "./registry.ts";
export { type RestClientRequest, restClientMetrics } from "./rest-client-metrics.ts";
