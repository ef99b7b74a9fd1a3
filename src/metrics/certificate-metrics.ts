import type { MetricRegistry } from "./registry.ts";

/** What one kept certificate reports. */
export interface CertificateMetrics {
  failed(): void;
  /** Milliseconds since the beginning of the one that was replaced. */
  rotated(lived: number): void;
}

export interface CertificateReading {
  /** undefined: there is no certificate. */
  readonly expiresAt: () => Date | undefined;
  readonly now: () => Date;
}

const MINUTE = 60;
const DAY = 86_400;
/** Upstream's, in seconds. */
const LIVED: readonly number[] = [
  MINUTE,
  3600,
  14_400,
  DAY,
  7 * DAY,
  30 * DAY,
  90 * DAY,
  180 * DAY,
  360 * DAY,
  1440 * DAY,
];

/** Upstream's metrics of the client certificate, there with rotateCertificates only. */
export function clientCertificateMetrics(registry: MetricRegistry, reading: CertificateReading): CertificateMetrics {
  const failures = registry.counter({
    name: "kubelet_certificate_manager_client_expiration_renew_errors",
    help: "[ALPHA] Counter of certificate renewal errors.",
  });
  timeToLive(registry, reading, {
    name: "kubelet_certificate_manager_client_ttl_seconds",
    whose: "the TTL (time-to-live) of the Kubelet's client certificate",
    idle: "If client certificate is invalid or unused, the value will be +INF.",
  });
  return { failed: () => failures.add(), rotated: () => {} };
}

/** Upstream's metrics of the serving certificate, there with serverTLSBootstrap only. */
export function servingCertificateMetrics(registry: MetricRegistry, reading: CertificateReading): CertificateMetrics {
  const failures = registry.counter({
    name: "kubelet_server_expiration_renew_errors",
    help: "[ALPHA] Counter of certificate renewal errors.",
  });
  const lived = registry.histogram({
    name: "kubelet_certificate_manager_server_rotation_seconds",
    help: "[ALPHA] Histogram of the number of seconds the previous certificate lived before being rotated.",
    buckets: LIVED,
  });
  timeToLive(registry, reading, {
    name: "kubelet_certificate_manager_server_ttl_seconds",
    whose: "the shortest TTL (time-to-live) of the Kubelet's serving certificate",
    idle: "If serving certificate is invalid or unused, the value will be +INF.",
  });
  return { failed: () => failures.add(), rotated: (ms) => lived.observe(ms / 1000) };
}

function timeToLive(
  registry: MetricRegistry,
  { expiresAt, now }: CertificateReading,
  { name, whose, idle }: { readonly name: string; readonly whose: string; readonly idle: string },
): void {
  const help = `[ALPHA] Gauge of ${whose}. The value is in seconds until certificate expiry (negative if already expired). ${idle}`;
  registry.computed("gauge", { name, help }, () => {
    const end = expiresAt();
    const left = end === undefined ? Number.POSITIVE_INFINITY : (end.getTime() - now().getTime()) / 1000;
    return [[{}, Math.trunc(left)]];
  });
}
