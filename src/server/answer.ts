import { messageOf, unreachable } from "../base/fault.ts";
import type { LogDeps } from "../logs/index.ts";
import type { KubeletMetrics } from "../metrics/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { NodeView } from "../node/index.ts";
import type { HttpReply, HttpRequest, HttpUpgrade } from "../ports/http-server.ts";
import type { NodeUsage } from "../stats/index.ts";
import { logsReply } from "./container-logs.ts";
import { type GateDeps, judge } from "./gate.ts";
import { healthReply, oneHealthReply } from "./health.ts";
import { localReply } from "./local.ts";
import { json, text } from "./reply.ts";
import { guardOf, methodLabel, pathLabel, type Route, type RouteOptions, routeOf } from "./route.ts";
import { type StreamDeps, streamReply } from "./streams.ts";

export interface AnswerDeps extends LogDeps, GateDeps, StreamDeps {
  readonly view: NodeView;
  readonly metrics: KubeletMetrics;
  readonly routes: Omit<RouteOptions, "local">;
  /** Gate PodLogsQuerySplitStreams. */
  readonly splitStreams: boolean;
  /** Reads what node, pods and containers use. */
  readonly usage: Pick<NodeUsage, "summary" | "metrics">;
}

/** Of upstream's labels `exec` and `attach` alone; its `portForward` never counts, by a slip in its table. */
const LONG_RUNNING = ["exec", "attach", "debug"];

/** Answers one request of the main port or the local socket. */
export async function answer(
  request: HttpRequest,
  deps: AnswerDeps,
  signal: AbortSignal,
): Promise<HttpReply | HttpUpgrade> {
  const { method, path } = request;
  const label = pathLabel(path);
  const long_running = `${LONG_RUNNING.includes(label)}`;
  const labels = { method: methodLabel(method), path: label, server_type: "readwrite", long_running };
  deps.metrics.httpRequests.add(labels);
  // It aborts in any case, when the answer is out or the connection gone.
  signal.addEventListener("abort", deps.metrics.httpInflight.hold(labels), { once: true });
  const route = routeOf(method, path, { ...deps.routes, local: request.peer.kind === "local" });
  // Upstream's multiplexer knows these before any filter runs.
  if (route.kind === "no-route") return text(404, "404 page not found\n");
  if (route.kind === "moved")
    return text(301, "", { location: `${route.to}${request.query.size > 0 ? `?${request.query}` : ""}` });
  const verdict = await judge(request, guardOf(method, path), deps, signal);
  switch (verdict.kind) {
    case "unauthenticated":
      // The next request may come with the right certificate, and that takes a new handshake.
      return text(401, "Unauthorized", { connection: "close" });
    case "forbidden":
      return text(403, verdict.text);
    case "failed":
      return text(500, verdict.text);
    case "allowed":
      return serve(route, request, deps, signal);
    default:
      return unreachable(verdict);
  }
}

async function serve(
  route: Exclude<Route, { kind: "no-route" | "moved" }>,
  request: HttpRequest,
  deps: AnswerDeps,
  signal: AbortSignal,
): Promise<HttpReply | HttpUpgrade> {
  const { view } = deps;
  switch (route.kind) {
    case "health": {
      if (route.check === undefined) return healthReply(view.healthChecks, request.query);
      const check = view.healthChecks.find(({ name }) => name === route.check);
      return check ? oneHealthReply(check) : text(404, "404 page not found\n");
    }
    case "metrics":
      return metricsText(await deps.metrics.render());
    case "probe-metrics":
      return metricsText(deps.metrics.probes.render());
    case "resource-metrics":
      return metricsText(await deps.usage.metrics(signal));
    case "summary":
      return summaryReply(request.query, deps, signal);
    case "exec":
    case "attach":
    case "run":
    case "port-forward":
      return streamReply(route, request, deps, signal);
    case "pods":
      return json(200, podList(view.pods(), view));
    case "running-pods":
      return json(200, podList(await view.runningPods(signal)));
    case "configz":
      return json(200, { kubeletconfig: view.config() });
    case "container-logs":
      return logsReply({ ...route, query: request.query }, deps, signal);
    case "local":
      return localReply(route.what, request.query, view);
    case "not-yet":
      return text(501, `${route.what} is not supported yet by this kubelet (kubelet-ts); see docs/differences.md\n`);
    case "wrong-method":
      return text(405, "405: Method Not Allowed", { allow: route.allow });
    case "not-found":
      return text(404, "404: Page Not Found");
    case "debug-off":
      return text(405, `${route.text}\n`);
    default:
      return unreachable(route);
  }
}

async function summaryReply(
  query: URLSearchParams,
  { usage, log }: AnswerDeps,
  signal: AbortSignal,
): Promise<HttpReply> {
  const only = query.getAll("only_cpu_and_memory");
  try {
    const body = await usage.summary(only.length === 1 && only[0] === "true", signal);
    return { status: 200, headers: { "content-type": "application/json" }, body };
  } catch (error) {
    signal.throwIfAborted();
    log.error("Failed to serve /stats/summary", { err: messageOf(error) });
    return text(500, `Internal Error: ${messageOf(error)}`);
  }
}

const metricsText = (body: string): HttpReply => ({
  status: 200,
  headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores" },
  body,
});

/** `rejectedManifests` is ours: a manifest that can't be a pod is still seen where its pod is looked for. */
function podList(pods: readonly Pod[], view?: NodeView): object {
  const items = pods.map(({ apiVersion: _version, kind: _kind, ...pod }) => pod);
  const rejected = view?.rejectedManifests() ?? [];
  return {
    kind: "PodList",
    apiVersion: "v1",
    metadata: {},
    items,
    ...(rejected.length > 0 ? { rejectedManifests: rejected } : {}),
  };
}
