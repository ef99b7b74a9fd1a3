import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { HttpHandler, HttpListener, HttpServers, TcpAddress } from "../ports/http-server.ts";
import { oneHealthReply } from "./health.ts";
import { text } from "./reply.ts";

const RETRY = seconds(5);

export interface HealthPortDeps {
  readonly http: HttpServers;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens `healthzPort`, as often as it takes: while another holds it, the node works without. @throws `signal.reason` */
export async function openHealthPort(
  at: TcpAddress,
  { http, clock, log }: HealthPortDeps,
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
