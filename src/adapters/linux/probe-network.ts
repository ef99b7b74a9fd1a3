import { goDuration } from "../../base/go-duration.ts";
import type { ProbeNetwork } from "../../ports/probing.ts";
import { checkHealth } from "./probe-grpc.ts";
import { getProbe } from "./probe-http.ts";
import { dial, probeTime } from "./probe-socket.ts";

/** Probes over the node's network. Node's own modules for it are loaded at the first probe that needs them. */
export function createProbeNetwork(): ProbeNetwork {
  return {
    http: (probe, timeout, signal) => getProbe(probe, probeTime(timeout, signal)),
    async tcp(host, port, timeout, signal) {
      using _line = await dial(host, port, probeTime(timeout, signal));
    },
    grpc: (host, port, service, timeout, signal) =>
      checkHealth(host, port, service, goDuration(timeout), probeTime(timeout, signal)),
  };
}
