import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { type Millis, millis, seconds } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { SlowError } from "./dial.ts";
import { type ApiRequest, type ApiResponse, NotBegunError, type Session } from "./session.ts";

/** client-go's: after so long without a word of the peer it is asked for one. */
export const READ_IDLE = seconds(30);
const PING_ANSWER = seconds(15);
const SETTINGS_MS = 10_000;
/** One stream, and all together, may be so far ahead of what was read: a long list comes without waiting for each 64 KiB. */
const STREAM_WINDOW = 1024 * 1024;
const SESSION_WINDOW = 8 * 1024 * 1024;
/** MiB that Node holds for one session before it refuses streams. */
const SESSION_MEMORY = 128;
/** Whatever the peer allows: client-go's servers allow 100 to 1000. */
const MOST_STREAMS = 1000;

/** RFC 9113, section 7. */
const REFUSED_STREAM = 7;
const CANCEL = 8;

export interface Http2Times {
  readonly readIdle: Millis;
  readonly pingAnswer: Millis;
}
const TIMES: Http2Times = { readIdle: READ_IDLE, pingAnswer: PING_ANSWER };

/** All requests over one connection. One timer, however many watches are open. */
export class Http2Session implements Session {
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  readonly #times: Http2Times;
  readonly #closed = new AbortController();
  #streams = 0;
  #heardAt: number;
  #isRetired = false;
  #error: unknown;
  #probing: Promise<void> | undefined;

  private constructor(session: ClientHttp2Session, clock: Clock, times: Http2Times) {
    this.#session = session;
    this.#clock = clock;
    this.#times = times;
    this.#heardAt = clock.monotonic();
    session.on("error", (error) => {
      this.#error ??= error;
    });
    session.on("goaway", () => this.retire());
    session.once("close", () => this.#closed.abort());
    void this.#watchPeer();
  }

  /** Waits for the peer's settings, so that it is known to speak HTTP/2 and how many streams it takes. */
  static async open(authority: string, socket: Socket, clock: Clock, times = TIMES): Promise<Http2Session> {
    const { connect } = process.getBuiltinModule("node:http2");
    const session = connect(authority, {
      createConnection: () => socket,
      maxSessionMemory: SESSION_MEMORY,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onClose = () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    const timer = setTimeout(() => reject(new SlowError("no HTTP/2 settings within 10 s")), SETTINGS_MS);
    session
      .once("remoteSettings", () => resolve())
      .once("error", reject)
      .once("close", onClose);
    try {
      await promise;
    } catch (error) {
      session.on("error", () => {});
      session.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      session.off("error", reject).off("close", onClose);
    }
    session.setLocalWindowSize(SESSION_WINDOW);
    return new Http2Session(session, clock, times);
  }

  get isOver(): boolean {
    return this.#isRetired || this.#session.closed || this.#session.destroyed;
  }

  get isClosed(): boolean {
    return this.#session.destroyed;
  }

  get isFree(): boolean {
    const { maxConcurrentStreams = MOST_STREAMS } = this.#session.remoteSettings;
    return !this.isOver && this.#streams < Math.min(Math.max(maxConcurrentStreams, 1), MOST_STREAMS);
  }

  async send({ method, path, headers, body }: ApiRequest, signal: AbortSignal): Promise<ApiResponse> {
    signal.throwIfAborted();
    if (this.isOver) throw new NotBegunError("the connection has just ended");
    const stream = this.#session.request(
      { ":method": method, ":path": path, ...headers },
      { endStream: body === undefined },
    );
    this.#streams++;
    const onAbort = () => stream.close(CANCEL);
    signal.addEventListener("abort", onAbort, { once: true });
    stream.once("close", () => {
      this.#streams--;
      signal.removeEventListener("abort", onAbort);
      this.#closeIfDone();
    });
    if (body !== undefined) stream.end(body);
    const head = await this.#head(stream, signal);
    return {
      status: Number(head[":status"] ?? 0),
      headers: head as ApiResponse["headers"],
      body: this.#chunks(stream),
      isWhole: () => stream.readableEnded && !stream.aborted && stream.rstCode === 0 && this.#error === undefined,
    };
  }

  async *#chunks(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of stream) {
        this.#heardAt = this.#clock.monotonic();
        yield chunk as Uint8Array;
      }
    } catch (error) {
      // Why the connection ended tells more than that it did.
      throw this.#error ?? error;
    }
    if (this.#error !== undefined) throw this.#error;
  }

  async #head(stream: ClientHttp2Stream, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly [name: string]: unknown }>();
    stream.once("response", resolve);
    // Stays: an error that nobody reads is the body's, and must not end the process.
    stream.on("error", reject);
    stream.once("close", () => {
      if (stream.rstCode === REFUSED_STREAM)
        reject(new NotBegunError("the server takes no request on this connection"));
      reject(this.#error ?? Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    });
    try {
      const head = await promise;
      this.#heardAt = this.#clock.monotonic();
      return head;
    } catch (error) {
      signal.throwIfAborted();
      if (stream.rstCode === REFUSED_STREAM) throw new NotBegunError("the server takes no request on this connection");
      throw this.#error ?? error;
    }
  }

  retire(): void {
    this.#isRetired = true;
    this.#closeIfDone();
  }

  /** Not before the last stream's end: Node sends no ping over a session that is closing, and its watches may go on for minutes. */
  #closeIfDone(): void {
    if (this.#isRetired && this.#streams === 0 && !this.#session.destroyed) this.#session.close();
  }

  probe(): void {
    this.#probing ??= this.#ping().finally(() => {
      this.#probing = undefined;
    });
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** Until the session closes. */
  async #watchPeer(): Promise<void> {
    const { signal } = this.#closed;
    const { readIdle } = this.#times;
    // A destroyed session takes no ping, and tells of its end only when this loop lets go.
    while (!signal.aborted && !this.#session.destroyed) {
      const quiet = this.#clock.monotonic() - this.#heardAt;
      if (quiet >= readIdle) {
        this.probe();
        await this.#probing;
        continue;
      }
      await this.#clock.sleep(millis(readIdle - quiet), signal).catch(() => {});
    }
  }

  async #ping(): Promise<void> {
    const answered = new AbortController();
    const limit = AbortSignal.any([answered.signal, this.#closed.signal]);
    try {
      this.#session.ping((error) => {
        // Cancelled: after the peer's GOAWAY Node asks no more. Then the socket's keep-alive finds a peer that is gone.
        if (error && !this.#session.closed) return;
        this.#heardAt = this.#clock.monotonic();
        answered.abort();
      });
      await this.#clock.sleep(this.#times.pingAnswer, limit);
    } catch {
      // Answered, or closed meanwhile.
      return;
    }
    this.#error ??= new SlowError(`no answer to a ping within ${this.#times.pingAnswer / 1000} s`);
    // Without the error: a stream that nobody reads would throw it at the process.
    this.#session.destroy();
  }
}
