import type { Log } from "../base/log.ts";
import type { KubeletConfig } from "../config/index.ts";
import type { KubeletMetrics } from "../metrics/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import { gracesOf, NodeShutdown } from "../shutdown/index.ts";
import type { Core } from "./core-doors.ts";

const LOGIND_DROP_IN = "/etc/systemd/logind.conf.d/99-kubelet.conf";

export interface ShutdownDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  readonly metrics: Pick<KubeletMetrics, "registry">;
  /** undefined: nothing runs yet. */
  readonly core: () => Core | undefined;
  /** The node's readiness is to be told anew. */
  readonly onChange: () => void;
}

/** Graceful shutdown of this node; undefined where no option asks for it. Bus and logind are loaded for those only who do. */
export async function openShutdown(config: KubeletConfig, deps: ShutdownDeps): Promise<NodeShutdown | undefined> {
  const byPriority = config.gatesOn.has("GracefulNodeShutdownBasedOnPodPriority");
  const { kubelet } = config;
  const graces = gracesOf(byPriority ? kubelet : { ...kubelet, shutdownGracePeriodByPodPriority: [] });
  if (graces.length === 0 || !config.gatesOn.has("GracefulNodeShutdown")) return undefined;
  const { logindShutdowns, systemBus } = await import("../adapters/systemd/index.ts");
  const { clock, core, metrics } = deps;
  const [started, ended] = (["start", "end"] as const).map((which) =>
    metrics.registry.gauge({
      name: `kubelet_graceful_shutdown_${which}_time_seconds`,
      help: `[ALPHA] Last graceful shutdown ${which} time since unix epoch in seconds`,
    }),
  );
  return new NodeShutdown(
    { graces, rootDir: config.flags.rootDir, keepsTimes: byPriority },
    {
      ...deps,
      events: { record: (event) => core()?.events.record(event) },
      shutdowns: logindShutdowns({ place: systemBus(process.env), dropIn: LOGIND_DROP_IN, clock }),
      pods: () => core()?.activePods() ?? [],
      end: (uid, ending) => core()?.endPod(uid, ending),
      released: async (uid, signal) => core()?.whenReleased(uid, signal),
      onTimes: ({ startedAt, endedAt }) => {
        started?.set(Math.floor((startedAt ?? 0) / 1000));
        ended?.set(Math.floor((endedAt ?? 0) / 1000));
      },
    },
  );
}
