import { isFault, messageOf } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import { upgradeOf } from "../base/upgrade.ts";
import type { KubeletMetrics } from "../metrics/index.ts";
import type { Container, EphemeralContainer, Pod } from "../model/kubernetes.ts";
import { allContainersOf, fullNameOf, uidOf } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { NodeView } from "../node/index.ts";
import type { HttpReply, HttpRequest, HttpUpgrade } from "../ports/http-server.ts";
import type { Runtime } from "../ports/runtime.ts";
import { findPod } from "./find-pod.ts";
import { text } from "./reply.ts";
import type { PodPath, Route } from "./route.ts";
import { passageOf, portsOf, streamsOf } from "./stream-query.ts";

export interface StreamDeps {
  readonly view: Pick<NodeView, "pods">;
  readonly metrics: Pick<KubeletMetrics, "webSocketStreams">;
  /** undefined while the runtime has not answered yet. */
  readonly runtime: () => Runtime | undefined;
  /** Gate ExtendWebSocketsToKubelet: the kubelet translates the newer WebSocket protocols. */
  readonly webSocketStreams: boolean;
  /** What is seen of a pod, by UID. */
  readonly snapshot: (podUid: string) => PodSnapshot | undefined;
}

export type StreamRoute = Extract<Route, { kind: "exec" | "attach" | "run" | "port-forward" }>;
type Reply = HttpReply | HttpUpgrade;

/** Seconds after which a streaming server that is full has room again: its URLs are good for a minute. */
const RETRY_AFTER = "60";

/** Answers `/exec`, `/attach`, `/portForward` and `/run` (kubelet-surface.md 3.2 and 3.5); the texts are upstream's. */
export async function streamReply(
  route: StreamRoute,
  request: HttpRequest,
  deps: StreamDeps,
  signal: AbortSignal,
): Promise<Reply> {
  try {
    return await (route.kind === "port-forward"
      ? portForward(route, request, deps, signal)
      : inContainer(route, request, deps, signal));
  } catch (error) {
    signal.throwIfAborted();
    return failed(error);
  }
}

async function portForward(
  route: PodPath,
  request: HttpRequest,
  deps: StreamDeps,
  signal: AbortSignal,
): Promise<Reply> {
  const ports = portsOf(request, deps.webSocketStreams);
  if ("problem" in ports) return text(400, ports.problem);
  const pod = podOf(route, deps);
  if (pod === undefined) return text(404, "pod does not exist");
  if (route.uid !== undefined && route.uid !== uidOf(pod)) return text(404, "pod not found");
  if (upgradeOf(request.headers) === undefined) return upgradeRequired();
  const [sandbox] = deps.snapshot(uidOf(pod))?.sandboxes ?? [];
  const runtime = deps.runtime();
  if (sandbox?.state !== "ready" || runtime === undefined)
    return text(500, `pod not found (${JSON.stringify(fullNameOf(pod))})`);
  const passage = passageOf(request, undefined, deps.webSocketStreams);
  if (passage.kind !== "bytes") deps.metrics.webSocketStreams.add({ subresource: "portforward" });
  return { to: await runtime.portForward(sandbox.id, ports, signal), passage };
}

async function inContainer(
  route: Exclude<StreamRoute, { kind: "port-forward" }>,
  request: HttpRequest,
  deps: StreamDeps,
  signal: AbortSignal,
): Promise<Reply> {
  const { kind } = route;
  const streams = kind === "run" ? undefined : streamsOf(request.query);
  if (streams !== undefined && "problem" in streams) return text(400, streams.problem);
  const pod = podOf(route, deps);
  if (pod === undefined) return text(404, "pod does not exist");
  if (streams !== undefined && upgradeOf(request.headers) === undefined) return upgradeRequired();
  const found = findContainer(pod, route, deps);
  if (found === undefined) return text(500, missing(kind, route.container, pod));
  const { id, spec, runtime } = found;
  if (streams === undefined) return run(id, (request.query.get("cmd") ?? "").split(" "), runtime, signal);
  const passage = passageOf(request, streams, deps.webSocketStreams);
  if (passage.kind !== "bytes") deps.metrics.webSocketStreams.add({ subresource: kind });
  if (kind === "exec") {
    const command = request.query.getAll("command");
    return { to: await runtime.exec(id, { ...streams, command }, signal), passage };
  }
  // Whether a running process has a terminal was decided when it was started.
  return { to: await runtime.attach(id, { ...streams, tty: spec.tty ?? false }, signal), passage };
}

/** Standard output, then standard error. A command that fails is an error of its own; what it wrote is lost, as upstream's is. */
async function run(id: string, command: readonly string[], runtime: Runtime, signal: AbortSignal): Promise<HttpReply> {
  const { stdout, stderr, exitCode } = await runtime.execSync(id, command, millis(0), signal);
  if (exitCode !== 0) {
    const said = Buffer.from(stderr).toString("utf8");
    return text(500, `command '${command.join(" ")}' exited with ${exitCode}: ${said}`);
  }
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.concat([stdout, stderr]) };
}

const podOf = ({ namespace, pod }: PodPath, { view }: StreamDeps): Pod | undefined => findPod(view, namespace, pod);

interface Found {
  readonly id: string;
  readonly spec: Container | EphemeralContainer;
  readonly runtime: Runtime;
}

/** The running container of that name, of the pod with that UID if one is given. */
function findContainer(
  pod: Pod,
  { uid, container }: PodPath & { container: string },
  deps: StreamDeps,
): Found | undefined {
  const runtime = deps.runtime();
  if (runtime === undefined || (uid !== undefined && uid !== uidOf(pod))) return undefined;
  const spec = allContainersOf(pod).find(({ name }) => name === container);
  const seen = deps
    .snapshot(uidOf(pod))
    ?.containers.find(({ name, state }) => name === container && state === "running");
  return spec && seen && { id: seen.id, spec, runtime };
}

const missing = (kind: "exec" | "attach" | "run", container: string, pod: Pod): string =>
  kind === "attach"
    ? `container ${container} not found in pod ${fullNameOf(pod)}`
    : `container not found (${JSON.stringify(container)})`;

const upgradeRequired = (): HttpReply => text(400, "Upgrade request required");

/** What the runtime said, with the status that upstream gives it. */
function failed(error: unknown): HttpReply {
  if (isFault(error, "runtime-not-found")) return text(404, messageOf(error));
  if (isFault(error, "runtime-refused") && error.fault.status === "ResourceExhausted")
    return text(429, messageOf(error), { "retry-after": RETRY_AFTER });
  return text(500, messageOf(error));
}
