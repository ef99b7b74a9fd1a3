import { messageOf } from "../base/fault.ts";
import { type LogDeps, type LogOptions, readLog } from "../logs/index.ts";
import type { ContainerLog, NodeView } from "../node/index.ts";
import type { HttpReply } from "../ports/http-server.ts";
import { chooseContainer, hasContainer } from "./choose-container.ts";
import { findPod } from "./find-pod.ts";
import { parseLogQuery } from "./log-query.ts";
import { text } from "./reply.ts";

export interface LogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly query: URLSearchParams;
}

/** `/containerLogs/{ns}/{pod}/{container}` */
export async function logsReply(
  request: LogRequest,
  deps: LogDeps & { readonly view: NodeView; readonly splitStreams: boolean },
  signal: AbortSignal,
): Promise<HttpReply> {
  const { namespace, container, query } = request;
  const asked = parseLogQuery(query, deps.clock.wall(), deps.splitStreams);
  if (asked.kind === "bad") return text(asked.status, asked.body);
  const pod = findPod(deps.view, namespace, request.pod);
  if (pod === undefined) return text(404, `pod ${JSON.stringify(request.pod)} does not exist`);
  if (!hasContainer(pod, container)) {
    return text(404, `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(request.pod)}`);
  }
  const choice = chooseContainer(pod, container, asked.previous);
  if (choice.kind === "none") return text(400, choice.why);
  const log = deps.view.containerLog(choice.id.replace(/^[^:]*:\/\//, ""));
  if (log === undefined)
    return text(400, `the runtime no longer knows container ${choice.id}; its log is gone with it`);
  return streamReply(log, asked.options, deps, signal);
}

/** A failure before the first byte is a 400; later ones can only cut the stream. */
async function streamReply(
  log: ContainerLog,
  options: LogOptions,
  deps: LogDeps,
  signal: AbortSignal,
): Promise<HttpReply> {
  const lines = readLog(log, options, deps, signal);
  const ok = (body: AsyncIterable<Uint8Array>): HttpReply => ({
    status: 200,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body,
  });
  try {
    if (options.follow) {
      // The first line may be hours away: only look whether there is a file.
      const there = await deps.files.identify(log.path);
      if (there !== undefined) return ok(lines);
    }
    const first = await lines.next();
    return ok(continued(first, lines));
  } catch (error) {
    return text(400, messageOf(error));
  }
}

async function* continued(
  first: IteratorResult<Uint8Array>,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.done) return;
    yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
