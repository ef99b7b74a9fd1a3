import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { orAborted } from "../../base/abort.ts";
import { refuseUpgrade } from "../http/client-rules.ts";
import { SlowError } from "./dial.ts";
import type { ApiRequest, ApiResponse, Session } from "./session.ts";

/** A watch hears a bookmark about once a minute; one that is silent for longer has no peer any more. */
const SILENT_WATCH_MS = 180_000;

/** For servers and proxies that speak no HTTP/2: each exchange has a connection of its own while it lasts. */
export class Http1Session implements Session {
  readonly #agent: Agent;
  readonly #host: string;
  readonly #open = new Set<ClientRequest>();
  /** Open, and not used yet. */
  #ready: Socket | undefined;
  #isOver = false;

  /** `host` of the server's URL; `first` is a connection that is there already. */
  constructor(host: string, first: Socket, dial: () => Promise<Socket>) {
    this.#host = host;
    const { Agent } = process.getBuiltinModule("node:http");
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });
    this.#ready = first;
    // Whoever asked for it may be gone: then nobody else hears of its end, or reads what tells it.
    first.on("error", () => {}).resume();
    this.#agent.createConnection = (_options, done) => {
      const socket = this.#ready;
      this.#ready = undefined;
      if (socket && !socket.destroyed) return socket;
      dial().then(
        (socket) => {
          // An agent that has ended would keep it, as one that is free.
          if (this.#isOver && [...this.#open].every(({ destroyed }) => destroyed)) socket.destroy();
          done?.(null, socket);
        },
        (error: Error) => done?.(error, undefined as never),
      );
      return undefined;
    };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isClosed(): boolean {
    return this.#isOver && this.#open.size === 0;
  }

  get isFree(): boolean {
    return !this.#isOver;
  }

  async send({ method, path, headers, body, isWatch }: ApiRequest, signal: AbortSignal): Promise<ApiResponse> {
    signal.throwIfAborted();
    const { request } = process.getBuiltinModule("node:http");
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const length = body === undefined ? {} : { "content-length": `${body.length}` };
    // A proxy in front may serve many hosts; and the agent knows none, so that Node would say "localhost".
    const all = { host: this.#host, ...headers, ...length };
    const sent = request({ method, path, headers: all, agent: this.#agent, signal });
    this.#open.add(sent);
    sent.once("response", resolve);
    refuseUpgrade(sent, reject);
    // Stays: an error that nobody reads must not end the process.
    sent.on("error", reject);
    sent.once("close", () => {
      this.#open.delete(sent);
      this.#closeIfDone();
    });
    if (isWatch) sent.setTimeout(SILENT_WATCH_MS, () => sent.destroy(new SlowError("the watch is silent")));
    sent.end(body);
    // Node tells of an abort only when there is a connection.
    const response = await orAborted(promise, signal);
    response.on("error", () => {});
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: response,
      isWhole: () => response.complete,
    };
  }

  retire(): void {
    this.#isOver = true;
    this.#closeIfDone();
  }

  /** TCP's keep-alive does it. */
  probe(): void {}

  destroy(): void {
    this.#isOver = true;
    for (const sent of this.#open) sent.destroy();
    this.#close();
  }

  #closeIfDone(): void {
    if (this.isClosed) this.#close();
  }

  #close(): void {
    this.#ready?.destroy();
    this.#agent.destroy();
  }
}
