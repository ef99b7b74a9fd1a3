import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricRegistry } from "./registry.ts";
import { restClientMetrics } from "./rest-client-metrics.ts";

test("restClientMetrics(): counts each request, and times those that end", () => {
  const registry = new MetricRegistry();
  const count = restClientMetrics(registry);
  const host = "10.0.0.1:6443";
  count({ code: "200", method: "GET", host, seconds: 0.3, isWatch: false });
  count({ code: "200", method: "GET", host, seconds: 0.1, isWatch: true });
  count({ code: "<error>", method: "PUT", host, seconds: 3, isWatch: false });
  const text = registry.render();
  for (const line of [
    'rest_client_requests_total{code="200",method="GET",host="10.0.0.1:6443"} 2',
    'rest_client_requests_total{code="<error>",method="PUT",host="10.0.0.1:6443"} 1',
    'rest_client_request_duration_seconds_bucket{verb="GET",host="10.0.0.1:6443",le="0.25"} 0',
    'rest_client_request_duration_seconds_bucket{verb="GET",host="10.0.0.1:6443",le="0.5"} 1',
    'rest_client_request_duration_seconds_count{verb="GET",host="10.0.0.1:6443"} 1',
  ])
    assert.ok(text.split("\n").includes(line), `${line}\n${text}`);
});
