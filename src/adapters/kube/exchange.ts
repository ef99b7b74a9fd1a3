import { Life } from "../../base/abort.ts";
import { KubeletError } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { type Millis, millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ApiCredentials, ApiEndpoint, CredentialSource } from "../../ports/kube-api.ts";
import { textOf } from "./body.ts";
import { SlowError } from "./dial.ts";
import { refusalOf } from "./refusal.ts";
import { type ApiRequest, type ApiResponse, NotBegunError } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import { Warnings } from "./warnings.ts";
import { unavailable } from "./words.ts";

const MAX_REFUSAL = 4 * 1024 * 1024;
/** A server that ends its connections may refuse what was sent meanwhile; more often than that is no such end. */
const MOST_SENDS = 3;

/** One request that got an answer or did not; for metrics. */
export interface ApiRequestReport {
  /** Status, or "<error>" where none came. */
  readonly code: string;
  readonly method: string;
  /** `host:port` of the server. */
  readonly host: string;
  /** From when it was to be sent until its answer began, a connection that had to be made included. */
  readonly seconds: number;
  readonly isWatch: boolean;
}

export interface ExchangeDeps {
  readonly endpoint: () => ApiEndpoint;
  readonly credentials: CredentialSource;
  readonly sessions: Sessions;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRequest?: ((report: ApiRequestReport) => void) | undefined;
}

/** One request as its caller sees it. `action` reads after "Cannot" and after "refused to". */
export interface Exchange {
  readonly action: string;
  readonly method: string;
  readonly path: string;
  readonly contentType?: string;
  readonly body?: unknown;
  readonly isWatch?: boolean;
  /** For the whole exchange; undefined: as long as it goes on. */
  readonly limit?: Millis;
}

/** Sends requests as whoever we are now, and turns whatever goes wrong into a fault with words. */
export class Exchanges {
  readonly #deps: ExchangeDeps;
  readonly #warnings: Warnings;

  constructor(deps: ExchangeDeps) {
    this.#deps = deps;
    this.#warnings = new Warnings(deps.log);
  }

  /** `read` gets an answer that is no refusal and must read it to its end; what it gives is given. */
  async run<T>(exchange: Exchange, read: (response: ApiResponse) => Promise<T>, signal: AbortSignal): Promise<T> {
    await using open = this.open(exchange, signal);
    return await open.guard(async () => read(await open.response()));
  }

  /** An exchange that lasts until it is disposed of. */
  open(exchange: Exchange, signal: AbortSignal) {
    const { clock } = this.#deps;
    const cut = new Life(signal);
    const { limit } = exchange;
    let slow: SlowError | undefined;
    if (limit !== undefined) {
      clock.sleep(limit, cut.signal).then(
        () => {
          slow = new SlowError(`no full answer within ${limit / 1000} s`);
          cut.abort(slow);
        },
        () => {},
      );
    }
    return {
      response: () => this.#begin(exchange, cut.signal),
      /** Runs a part of the exchange; its errors come out as the port promises them. */
      guard: async <T>(part: () => Promise<T>): Promise<T> => {
        try {
          signal.throwIfAborted();
          return await part();
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof KubeletError) throw error;
          if (error instanceof TypeError || error instanceof RangeError) {
            if (!("code" in error)) throw error;
          }
          throw unavailable(exchange.action, this.#deps.endpoint().server, slow ?? error);
        }
      },
      async [Symbol.asyncDispose]() {
        cut[Symbol.dispose]();
        cut.abort(new Error("over"));
      },
    };
  }

  async #begin(exchange: Exchange, signal: AbortSignal): Promise<ApiResponse> {
    const { endpoint, clock, onRequest, credentials } = this.#deps;
    const who = await credentials.current(signal);
    const began = clock.monotonic();
    const { method, isWatch = false } = exchange;
    const report = (code: string) => {
      const { host } = new URL(endpoint().server);
      onRequest?.({ code, method, host, seconds: (clock.monotonic() - began) / 1000, isWatch });
    };
    try {
      const response = await this.#send(exchange, who, signal);
      report(`${response.status}`);
      this.#warnings.take(response.headers.warning);
      if (response.status >= 200 && response.status < 300) return response;
      if (response.status === 401) credentials.refused(who);
      throw await refusal(exchange.action, response);
    } catch (error) {
      if (!(error instanceof KubeletError)) report("<error>");
      throw error;
    }
  }

  async #send(exchange: Exchange, who: ApiCredentials, signal: AbortSignal): Promise<ApiResponse> {
    const { endpoint, sessions } = this.#deps;
    const request = this.#request(exchange, who);
    for (let sends = 1; ; sends++) {
      const identity = { endpoint: endpoint(), cert: who.cert, key: who.key };
      let session = await sessions.take(identity, signal);
      // Others who waited for the same connection may have filled it.
      while (!session.isFree) session = await sessions.take(identity, signal);
      try {
        return await session.send(request, signal);
      } catch (error) {
        // Whose patience is over, ours or the caller's (a heartbeat's is as long, and over first), does not matter: is the peer still there?
        if (signal.aborted) session.probe();
        if (!(error instanceof NotBegunError) || sends >= MOST_SENDS) throw error;
      }
    }
  }

  #request({ method, path, contentType, body, isWatch = false }: Exchange, who: ApiCredentials): ApiRequest {
    const server = new URL(this.#deps.endpoint().server);
    const prefix = server.pathname.replace(/\/+$/, "");
    const proof =
      who.token !== undefined
        ? `Bearer ${who.token}`
        : who.basic && `Basic ${Buffer.from(`${who.basic.username}:${who.basic.password}`).toString("base64")}`;
    return {
      method,
      path: `${prefix}${path}`,
      headers: {
        accept: "application/json",
        "user-agent": this.#deps.userAgent,
        ...(proof === undefined ? {} : { authorization: proof }),
        ...(body === undefined ? {} : { "content-type": contentType ?? "application/json" }),
      },
      body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
      isWatch,
    };
  }
}

async function refusal(action: string, { status, headers, body }: ApiResponse): Promise<KubeletError> {
  const text = await textOf(body, MAX_REFUSAL);
  const { "retry-after": after } = headers;
  const retryAfterHeader = typeof after === "string" ? after : undefined;
  return refusalOf({ action, status, retryAfterHeader, body: jsonOr(text) });
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const REQUEST_LIMIT = millis(60_000);
