import { arch } from "node:os";
import type { Log } from "../base/log.ts";
import { KUBERNETES_VERSION, type KubeletConfig } from "../config/index.ts";
import { makeKubeletMetrics, type ProcessReading } from "../metrics/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { HttpServers } from "../ports/http-server.ts";
import type { LogFiles } from "../ports/log-files.ts";
import { type KubeletServer, openServer } from "../server/index.ts";
import { createView, type ViewDeps } from "./view.ts";

export interface ServeDeps extends Pick<ViewDeps, "core" | "runtime" | "podLogsDir"> {
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Log;
  readonly logFiles: LogFiles;
  readonly http: HttpServers;
  readonly cgroupVersion: 1 | 2;
}

/** Opens the node's doors for people and tools: main port, local socket. */
export async function serve(config: KubeletConfig, deps: ServeDeps, signal: AbortSignal): Promise<KubeletServer> {
  const { kubelet, flags } = config;
  const { x509, webhook, anonymous } = kubelet.authentication;
  const metrics = makeKubeletMetrics({
    nodeName: config.nodeName,
    cgroupVersion: deps.cgroupVersion,
    build: {
      gitVersion: KUBERNETES_VERSION,
      gitCommit: "",
      buildDate: "",
      nodeVersion: process.version,
      platform: `linux/${arch() === "x64" ? "amd64" : arch()}`,
    },
    process: readProcess,
  });
  const view = createView({
    ...deps,
    config,
    healthChecks: [
      { name: "ping", problem: () => undefined },
      { name: "log", problem: () => undefined },
      { name: "syncloop", problem: () => undefined },
    ],
  });
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
      pair: {
        certFile: kubelet.tlsCertFile,
        keyFile: kubelet.tlsPrivateKeyFile,
        certDirectory: flags.certDir,
        hostName: config.nodeName,
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
    },
    { ...deps, view, metrics },
    signal,
  );
}

function readProcess(): ProcessReading {
  const { user, system } = process.resourceUsage
    ? { user: process.resourceUsage().userCPUTime, system: process.resourceUsage().systemCPUTime }
    : { user: 0, system: 0 };
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    virtualBytes: 0,
    openFiles: 0,
    maxFiles: 0,
    startSeconds: (Date.now() - process.uptime() * 1000) / 1000,
  };
}
