import { createRandom } from "../adapters/linux/index.ts";
import type { Log } from "../base/log.ts";
import type { KubeletConfig } from "../config/index.ts";
import type { KubeletMetrics } from "../metrics/index.ts";
import type { HealthCheck } from "../node/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { HttpServers } from "../ports/http-server.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { LogFiles } from "../ports/log-files.ts";
import type { Images } from "../ports/runtime.ts";
import { type KubeletServer, openServer } from "../server/index.ts";
import { lazyUsage, type NodeUsageDeps } from "./usage.ts";
import { createView, type ViewDeps } from "./view.ts";

export interface ServeDeps
  extends Pick<ViewDeps, "core" | "runtime" | "podLogsDir" | "healthChecks">,
    Pick<NodeUsageDeps, "cgroupDriver"> {
  /** undefined: standalone, or no connection yet. Tokens and rights are asked there. */
  readonly kubeApi?: () => KubeApi | undefined;
  readonly images?: () => Images | undefined;
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Log;
  readonly logFiles: LogFiles;
  readonly http: HttpServers;
  readonly metrics: KubeletMetrics;
}

const LEAST_PATIENCE = 5 * 60_000;

/** Opens the node's doors for people and tools: main port, local socket. */
export async function serve(config: KubeletConfig, deps: ServeDeps, signal: AbortSignal): Promise<KubeletServer> {
  const { kubelet, flags } = config;
  const { x509, webhook, anonymous } = kubelet.authentication;
  const view = createView({ ...deps, config });
  return openServer(
    {
      // Open already: run.ts opens it before all else.
      health: undefined,
      main: kubelet.enableServer ? { host: kubelet.address, port: kubelet.port } : undefined,
      socketPath: `${flags.rootDir}/kubelet.sock`,
      access: {
        clientCaFile: x509.clientCAFile,
        anonymous: anonymous.enabled,
        webhookAuthentication: webhook.enabled,
        authorizationMode: kubelet.authorization.mode,
        standalone: config.standalone,
      },
      reviews: {
        nodeName: config.nodeName,
        tokenTtl: webhook.cacheTTL,
        allowedTtl: kubelet.authorization.webhook.cacheAuthorizedTTL,
        deniedTtl: kubelet.authorization.webhook.cacheUnauthorizedTTL,
      },
      pair: {
        certFile: kubelet.tlsCertFile,
        keyFile: kubelet.tlsPrivateKeyFile,
        certDirectory: flags.certDir,
        hostName: config.nodeName,
        fromCluster: kubelet.serverTLSBootstrap,
      },
      tls: {
        minVersion: kubelet.tlsMinVersion,
        cipherSuites: kubelet.tlsCipherSuites ?? [],
        curves: kubelet.tlsCurvePreferences ?? [],
      },
      routes: {
        debugging: kubelet.enableDebuggingHandlers,
        systemLogs: kubelet.enableSystemLogHandler,
        profiling: kubelet.enableProfilingHandler,
        debugFlags: kubelet.enableDebugFlagsHandler,
      },
      splitStreams: config.gatesOn.has("PodLogsQuerySplitStreams"),
      webSocketStreams: config.gatesOn.has("ExtendWebSocketsToKubelet"),
    },
    {
      ...deps,
      view,
      random: createRandom(),
      api: () => deps.kubeApi?.(),
      snapshot: (uid) => deps.core()?.snapshot(uid),
      usage: lazyUsage(config, { ...deps, images: () => deps.images?.() }),
    },
    signal,
  );
}

/** Upstream's three checks. `syncloop`: the runtime was asked and has not answered for longer than two sync periods, and at least 5 minutes. */
export function healthChecks(
  config: KubeletConfig,
  core: ViewDeps["core"],
  /** Why log lines don't get out; undefined: they do. */
  logProblem: () => string | undefined,
): readonly HealthCheck[] {
  const patience = Math.max(2 * config.kubelet.syncFrequency, LEAST_PATIENCE);
  const silence = () => core()?.runtimeSilence() ?? 0;
  return [
    { name: "ping", problem: () => undefined },
    { name: "log", problem: logProblem },
    {
      name: "syncloop",
      problem: () =>
        silence() > patience
          ? `the container runtime has not answered for ${Math.round(silence() / 1000)} s`
          : undefined,
    },
  ];
}
