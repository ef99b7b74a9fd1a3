import type { Log } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ApiEndpoint, CredentialSource, KubeApi } from "../../ports/kube-api.ts";
import { dial } from "./dial.ts";
import { type ApiRequestReport, Exchanges, REQUEST_LIMIT } from "./exchange.ts";
import { HttpKubeApi } from "./http-kube-api.ts";
import { Http1Session } from "./http1-session.ts";
import { Http2Session } from "./http2-session.ts";
import type { Environment } from "./proxy.ts";
import type { Identity, Session } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { type RequestLimits, TokenBucket } from "./token-bucket.ts";

export interface KubeApiOptions {
  /** A function where the files behind it may change: the same object as before means that they did not. */
  readonly endpoint: ApiEndpoint | (() => ApiEndpoint);
  readonly credentials: CredentialSource;
  /** undefined: none. */
  readonly limits?: RequestLimits | undefined;
  /** `kubelet/v1.37.2 (linux/amd64) kubernetes/0123456`, as the API server's audit log and priorities know it. */
  readonly userAgent: string;
  /** HTTPS_PROXY, HTTP_PROXY, NO_PROXY, DISABLE_HTTP2. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each request when its answer has begun, or did not come. */
  readonly onRequest?: (report: ApiRequestReport) => void;
}

/** One way to the API server, shared by all who talk to it. */
export interface KubeConnection extends KubeApi {
  /** The same way with limits of its own: events have theirs, heartbeats have none and give up sooner. */
  limited(limits: RequestLimits | undefined, timeout?: Millis): KubeApi;
  /** Ends all connections, watches too; the next request connects anew. For a heartbeat that fails again and again. */
  dropConnections(): void;
  /** Connections that are open, and requests sent so far. */
  stats(): { readonly connections: number; readonly requests: number };
  close(): void;
}

/** Connects at the first request. */
export function connectKubeApi(options: KubeApiOptions): KubeConnection {
  const { endpoint: given, credentials, limits, userAgent, env, clock, log, onRequest } = options;
  const endpoint = typeof given === "function" ? given : () => given;
  const sessions = new Sessions((identity, signal) => openSession(identity, { env, clock, signal }), clock);
  let requests = 0;
  const count = (report: ApiRequestReport) => {
    requests++;
    onRequest?.(report);
  };
  const exchanges = new Exchanges({ endpoint, credentials, sessions, userAgent, clock, log, onRequest: count });
  const limited = (limits: RequestLimits | undefined, timeout = REQUEST_LIMIT) =>
    new HttpKubeApi(exchanges, { bucket: limits && new TokenBucket(limits, clock), timeout });
  return Object.assign(limited(limits), {
    limited,
    dropConnections: () => sessions.drop(),
    stats: () => ({ connections: sessions.count, requests }),
    close: () => sessions.close(),
  });
}

async function openSession(
  identity: Identity,
  { env, clock, signal }: { readonly env: Environment; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Session> {
  const { server } = identity.endpoint;
  const protocols = env.DISABLE_HTTP2 ? ["http/1.1"] : ["h2", "http/1.1"];
  const socket = await dial(identity, protocols, { env, signal });
  if ("alpnProtocol" in socket && socket.alpnProtocol === "h2") return Http2Session.open(server, socket, clock);
  return new Http1Session(new URL(server).host, socket, () => dial(identity, ["http/1.1"], { env, signal }));
}
