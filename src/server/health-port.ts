import { messageOf } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import type { HttpHandler, HttpListener, TcpAddress } from "../ports/http-server.ts";
import { oneHealthReply } from "./health.ts";
import type { ServerDeps } from "./open.ts";
import { text } from "./reply.ts";

const RETRY = seconds(5);

/** Opens `healthzPort`, as often as it takes: while another holds it, the node works without. @throws `signal.reason` */
export async function openHealthPort(
  at: TcpAddress,
  { http, clock, log }: Pick<ServerDeps, "http" | "clock" | "log">,
  signal: AbortSignal,
): Promise<HttpListener> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await http.plain(at, alive);
    } catch (error) {
      log.error("Failed to open the health port, trying again in 5 s", { err: messageOf(error) });
    }
    await clock.sleep(RETRY, signal);
  }
}

/** The process is alive, no more: never the state of the sync loop. */
const alive: HttpHandler = async ({ path }) =>
  path === "/healthz" || path === "/healthz/ping"
    ? oneHealthReply({ name: "ping", problem: () => undefined })
    : text(404, "404 page not found\n");
