import type { Millis } from "../base/units.ts";

export interface HttpProbe {
  readonly scheme: "http" | "https";
  /** Address, never a name that has to be looked up by us more than by the system's resolver. */
  readonly host: string;
  readonly port: number;
  /** With query; begins with "/". */
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export type HttpProbeAnswer = {
  readonly status: number;
  /** At most the first 10 KiB. */
  readonly body: string;
  /** A redirect to another host was not followed. */
  readonly redirectedTo?: string;
};

/** The network side of probes. Each call has its own connection, which is reset (not lingering in TIME_WAIT) after use. */
export interface ProbeNetwork {
  /** @throws Error with Go's words where upstream's events have them (`dial tcp 10.0.0.1:80: connect: connection refused`, `context deadline exceeded …`) */
  http(probe: HttpProbe, timeout: Millis, signal: AbortSignal): Promise<HttpProbeAnswer>;
  tcp(host: string, port: number, timeout: Millis, signal: AbortSignal): Promise<void>;
  /** grpc.health.v1 Check of `service`: SERVING or the other status' name. */
  grpc(host: string, port: number, service: string, timeout: Millis, signal: AbortSignal): Promise<string>;
}
