import assert from "node:assert/strict";
import { test } from "node:test";
import { clientCertificateMetrics, servingCertificateMetrics } from "./certificate-metrics.ts";
import { MetricRegistry } from "./registry.ts";

test("certificates are reported under upstream's names", () => {
  const registry = new MetricRegistry();
  let end: Date | undefined;
  const reading = { expiresAt: () => end, now: () => new Date(100_000) };
  const client = clientCertificateMetrics(registry, reading);
  const serving = servingCertificateMetrics(registry, reading);
  client.failed();
  serving.rotated(7200_000);
  const value = (name: string) => new RegExp(`^${name} (.+)$`, "m").exec(registry.render())?.[1];
  assert.equal(value("kubelet_certificate_manager_client_ttl_seconds"), "+Inf");
  assert.equal(value("kubelet_certificate_manager_client_expiration_renew_errors"), "1");
  assert.equal(value("kubelet_server_expiration_renew_errors"), "0");
  assert.equal(value("kubelet_certificate_manager_server_rotation_seconds_sum"), "7200");
  assert.match(
    registry.render(),
    /rotation_seconds_bucket\{le="3600"\} 0\n.*rotation_seconds_bucket\{le="14400"\} 1\n/,
  );
  end = new Date(90_500);
  assert.equal(value("kubelet_certificate_manager_server_ttl_seconds"), "-9");
});
