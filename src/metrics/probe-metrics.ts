import { type Labels, MetricRegistry } from "./registry.ts";

export interface ProbedContainer {
  /** `Liveness`, `Readiness`, `Startup` */
  readonly kind: string;
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly uid: string;
}

/** What `/metrics/probes` tells: how probes were answered, as long as their pod is there. */
export class ProbeMetrics {
  readonly #registry = new MetricRegistry();
  readonly #total = this.#registry.counter({
    name: "prober_probe_total",
    help: "[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.",
    labels: ["probe_type", "result", "container", "pod", "namespace", "pod_uid"],
  });
  readonly #seconds = this.#registry.histogram({
    name: "prober_probe_duration_seconds",
    help: "[ALPHA] Duration in seconds for a probe response.",
    labels: ["probe_type", "container", "pod", "namespace"],
  });
  /** Pod UID -> series of it, by what takes them away. */
  readonly #series = new Map<string, Map<string, () => void>>();

  answered(probed: ProbedContainer, success: boolean, seconds: number): void {
    const { kind, container, pod, namespace, uid } = probed;
    const labels: Labels = { probe_type: kind, container, pod, namespace };
    const counted: Labels = { ...labels, result: success ? "successful" : "failed", pod_uid: uid };
    this.#total.add(counted);
    if (success) this.#seconds.observe(seconds, labels);
    const own = this.#series.get(uid) ?? new Map<string, () => void>();
    this.#series.set(uid, own);
    own.set(`${kind}/${container}/${success}`, () => {
      this.#total.remove(counted);
      if (success) this.#seconds.remove(labels);
    });
  }

  forget(uid: string): void {
    for (const remove of this.#series.get(uid)?.values() ?? []) remove();
    this.#series.delete(uid);
  }

  /** Prometheus text format. */
  render(): string {
    return this.#registry.render();
  }
}
