import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { Millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Attempt, faultOf, isGrpcFailure, statusName, unimplemented } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { HEAVY, type Method } from "./methods.ts";

const RECEIVE_LIMIT = 16 * 1024 * 1024;

const OPTIONS = {
  // Some servers refuse a socket path as authority.
  "grpc.default_authority": "localhost",
  "grpc.max_receive_message_length": RECEIVE_LIMIT,
  "grpc.max_send_message_length": RECEIVE_LIMIT,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 3000,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
};

/** Everything about one call except its message. `action` reads after "Cannot". */
export interface CallOptions {
  readonly action: string;
  readonly id?: string;
  /** From when the call is sent. undefined: only the signal ends it. */
  readonly timeout: Millis | undefined;
  readonly signal: AbortSignal;
}

/** One gRPC connection over a Unix socket: connects at the first call, reconnects by itself. Throws KubeletError or `signal.reason`. */
export class Transport {
  readonly endpoint: Endpoint;
  readonly #client: Client;
  readonly #gate: Gate;
  readonly #clock: Clock;
  /** Calls that the runtime does not have; forgotten when it goes away, since it may come back as a newer one. */
  readonly #missing = new Set<string>();
  readonly #metadata = new Metadata();

  constructor(endpoint: Endpoint, gate: Gate, clock: Clock) {
    this.endpoint = endpoint;
    this.#client = new Client(`unix://${endpoint.path}`, credentials.createInsecure(), OPTIONS);
    this.#gate = gate;
    this.#clock = clock;
  }

  async unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const { signal } = options;
    signal.throwIfAborted();
    const attempt: Attempt = { call: method.call, ...options };
    if (this.#missing.has(method.path)) throw unimplemented(attempt, this.endpoint.url);
    try {
      const send = () => this.#send(method, request, options);
      const rank = HEAVY.get(method.call);
      return rank ? await this.#gate.pass(method.call, send, signal, rank) : await send();
    } catch (error) {
      throw this.#explain(error, method, attempt, signal);
    }
  }

  /** Yields messages as they come, without a deadline; ends when the server ends the stream. */
  async *stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: Omit<CallOptions, "timeout">,
  ): AsyncGenerator<Response, void, undefined> {
    const { signal } = options;
    signal.throwIfAborted();
    const { path, serialize, deserialize } = method;
    const call = this.#client.makeServerStreamRequest(path, serialize, deserialize, request, this.#metadata, {});
    // The iterator reports it; without this listener an error after its end would be uncaught.
    call.on("error", () => {});
    const onAbort = () => call.cancel();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const message of call) yield message;
    } catch (error) {
      throw this.#explain(error, method, { call: method.call, ...options }, signal);
    } finally {
      signal.removeEventListener("abort", onAbort);
      call.cancel();
    }
    signal.throwIfAborted();
  }

  close(): void {
    this.#client.close();
  }

  #send<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const { timeout, signal } = options;
    signal.throwIfAborted();
    const { path, serialize, deserialize } = method;
    const deadline = timeout === undefined ? Number.POSITIVE_INFINITY : this.#clock.wall().getTime() + timeout;
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const onAbort = () => call.cancel();
    const call = this.#client.makeUnaryRequest(
      path,
      serialize,
      deserialize,
      request,
      this.#metadata,
      { deadline },
      (error, response) => {
        signal.removeEventListener("abort", onAbort);
        if (error) reject(error);
        else if (response === undefined) reject(new TypeError(`No response and no error from ${path}`));
        else resolve(response);
      },
    );
    signal.addEventListener("abort", onAbort, { once: true });
    return promise;
  }

  #explain<Request, Response>(
    error: unknown,
    method: Method<Request, Response>,
    attempt: Attempt,
    signal: AbortSignal,
  ): unknown {
    if (!isGrpcFailure(error)) return error;
    const status = statusName(error.code);
    if (status === "Cancelled" && signal.aborted) return signal.reason;
    if (status === "Unimplemented") this.#missing.add(method.path);
    if (status === "Unavailable") this.#missing.clear();
    return faultOf(error, attempt, this.endpoint.url);
  }
}
