import type { MetricRegistry } from "./registry.ts";

/** One request to the API server that was answered or failed. */
export interface RestClientRequest {
  /** Status, or "<error>". */
  readonly code: string;
  readonly method: string;
  readonly host: string;
  readonly seconds: number;
  readonly isWatch: boolean;
}

/**
 * Counts requests to the API server. Names, labels and buckets are upstream's:
 * https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/component-base/metrics/prometheus/restclient/metrics.go
 */
export function restClientMetrics(registry: MetricRegistry): (request: RestClientRequest) => void {
  const requests = registry.counter({
    name: "rest_client_requests_total",
    help: "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.",
    labels: ["code", "method", "host"],
  });
  const durations = registry.histogram({
    name: "rest_client_request_duration_seconds",
    help: "[ALPHA] Request latency in seconds. Broken down by verb, and host.",
    labels: ["verb", "host"],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
  });
  return ({ code, method, host, seconds, isWatch }) => {
    requests.add({ code, method, host });
    // A watch has no end to measure to.
    if (!isWatch) durations.observe(seconds, { verb: method, host });
  };
}
