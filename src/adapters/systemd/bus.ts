import { connect, type Socket } from "node:net";
import { KubeletError, messageOf } from "../../base/fault.ts";
import { seconds } from "../../base/units.ts";
import { within } from "../../base/within.ts";
import type { Clock } from "../../ports/clock.ts";
import type { BusValue } from "./marshal.ts";
import { decodeMessage, encodeMessage, type Message, messageLength } from "./wire.ts";

/** Where a peer listens. On a bus others are called by name; systemd's private socket is systemd itself, and knows no names. */
export interface BusPlace {
  readonly path: string;
  readonly kind: "bus" | "peer";
}

export interface BusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly BusValue[];
}

/** The peer's no: `errorName` is its name, as "org.freedesktop.systemd1.UnitExists". */
export class BusRefusal extends Error {
  readonly errorName: string;
  constructor(call: BusCall, errorName: string, text: string) {
    super(`${call.interface}.${call.member}: ${text || errorName}`);
    this.errorName = errorName;
  }
}

/** The connection ended: whether a call in flight took effect is not known. */
export class BusLost extends Error {}

const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };
/** systemd holds the bus' socket open for a bus that is not up yet, or hangs: connecting says nothing. */
const PATIENCE = seconds(10);
/** What a peer says before messages begin is short. */
const MAX_GREETING_BYTES = 4096;

interface Pending {
  readonly call: BusCall;
  readonly resolve: (body: readonly BusValue[]) => void;
  readonly reject: (error: Error) => void;
}

/** One connection to a D-Bus peer as root or whoever we are: calls with their replies, and signals. */
export class Bus implements Disposable {
  readonly #socket: Socket;
  readonly #place: BusPlace;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(signal: Message) => void>();
  readonly #lost = Promise.withResolvers<void>();
  #serial = 0;
  #received: Buffer = Buffer.alloc(0);
  #isLost = false;

  private constructor(socket: Socket, place: BusPlace) {
    this.#socket = socket;
    this.#place = place;
  }

  /** @throws KubeletError `file-failed` where nobody answers at the socket */
  static open(place: BusPlace, clock: Pick<Clock, "sleep">, signal: AbortSignal): Promise<Bus> {
    return within(PATIENCE, clock, {
      work: (life) => Bus.#open(place, life),
      late: () => {
        throw busFault(place, new Error(`no answer after ${PATIENCE / 1000} s`), "ETIMEDOUT");
      },
      signal,
    });
  }

  static async #open(place: BusPlace, signal: AbortSignal): Promise<Bus> {
    const socket = connect({ path: place.path });
    const onAbort = () => socket.destroy(new Error("aborted"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const bus = new Bus(socket, place);
      bus.#begin(await greet(socket));
      if (place.kind === "bus") await bus.call({ ...BUS, member: "Hello" }, signal);
      return bus;
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      throw busFault(place, error, error instanceof Error && "code" in error ? String(error.code) : "EPROTO");
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Resolves when the connection is no more. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** @throws BusRefusal, BusLost, or `signal.reason` */
  async call(call: BusCall, signal: AbortSignal): Promise<readonly BusValue[]> {
    signal.throwIfAborted();
    if (this.#isLost) throw new BusLost(`The D-Bus connection at ${this.#place.path} is closed`);
    const { promise, resolve, reject } = Promise.withResolvers<readonly BusValue[]>();
    const serial = ++this.#serial;
    const { signature = "", body = [], destination, ...where } = call;
    const isNamed = this.#place.kind === "bus";
    this.#pending.set(serial, { call, resolve, reject });
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#socket.write(
      encodeMessage({ ...where, kind: "call", serial, signature, body, ...(isNamed ? { destination } : {}) }),
    );
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#pending.delete(serial);
    }
  }

  /** Has the bus send signals that fit the rule: "type='signal',interface='…'". A peer without a bus sends all of its own. */
  async match(rule: string, signal: AbortSignal): Promise<void> {
    if (this.#place.kind === "bus")
      await this.call({ ...BUS, member: "AddMatch", signature: "s", body: [rule] }, signal);
  }

  onSignal(listener: (signal: Message) => void): void {
    this.#listeners.add(listener);
  }

  [Symbol.dispose](): void {
    this.#end("closed by us");
  }

  #begin(rest: Buffer): void {
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("close", () => this.#end("closed by the peer"));
    // "close" follows.
    this.#socket.on("error", () => {});
    if (this.#socket.destroyed) this.#end("closed by the peer");
    else this.#take(rest);
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    try {
      for (;;) {
        const length = messageLength(this.#received);
        if (length === undefined || this.#received.length < length) return;
        const message = decodeMessage(this.#received.subarray(0, length));
        this.#received = this.#received.subarray(length);
        this.#handle(message);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#end(`the peer sent ${error.message}`);
    }
  }

  #handle(message: Message): void {
    if (message.kind === "signal") {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const pending = this.#pending.get(message.replyTo ?? 0);
    if (!pending) return;
    if (message.kind === "reply") pending.resolve(message.body);
    else if (message.kind === "error") {
      const [text] = message.body;
      const words = typeof text === "string" ? text : "";
      pending.reject(new BusRefusal(pending.call, message.errorName ?? "", words));
    }
  }

  #end(why: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#socket.destroy();
    const error = new BusLost(`The D-Bus connection at ${this.#place.path} was ${why}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#lost.resolve();
  }
}

const busFault = ({ path }: BusPlace, error: unknown, errno: string): KubeletError =>
  new KubeletError(
    `Cannot reach D-Bus at ${path}: ${messageOf(error)}`,
    { code: "file-failed", path, errno },
    { cause: error },
  );

/** Says who we are, by the user id that the kernel tells the peer anyway. Resolves with what came after the peer's yes. */
async function greet(socket: Socket): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let said = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]);
    const end = said.indexOf("\r\n");
    if (end < 0) {
      if (said.length > MAX_GREETING_BYTES) reject(new Error("the peer does not speak D-Bus"));
      return;
    }
    if (!said.subarray(0, end).toString("latin1").startsWith("OK ")) reject(new Error("the peer refused our user id"));
    else resolve(said.subarray(end + 2));
  };
  const onClose = () => reject(new Error("the peer closed the connection"));
  socket.on("data", onData).on("error", reject).on("close", onClose);
  socket.write(`\0${authentication()}`);
  try {
    const rest = await promise;
    socket.write("BEGIN\r\n");
    return rest;
  } finally {
    socket.off("data", onData).off("error", reject).off("close", onClose);
  }
}

/** Mechanism EXTERNAL: the user id as text, in hexadecimal. */
export const authentication = (): string =>
  `AUTH EXTERNAL ${Buffer.from(String(process.geteuid?.() ?? 0)).toString("hex")}\r\n`;
