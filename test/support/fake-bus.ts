/** A D-Bus peer in this process: systemd and logind as the kubelet knows them, without a machine that they rule. */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { BusValue, Variant } from "../../src/adapters/systemd/marshal.ts";
import { decodeMessage, encodeMessage, type Message, messageLength } from "../../src/adapters/systemd/wire.ts";

/** An answer with its signature, or the name of an error. */
export type Answer = { readonly signature: string; readonly body: readonly BusValue[] } | { readonly error: string };
export const NOTHING: Answer = { signature: "", body: [] };

export class FakeBus implements AsyncDisposable {
  readonly path: string;
  /** Asked for each call but those to the bus itself. undefined: no answer ever. */
  answer: (call: Message) => Answer | undefined = () => NOTHING;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #serial = 1;

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async open(path: string): Promise<FakeBus> {
    const bus = new FakeBus(path);
    bus.#server.listen(path);
    await once(bus.#server, "listening");
    return bus;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends every connection, as a bus that starts again does. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  emit(path: string, of: string, member: string, signature: string, body: readonly BusValue[]): void {
    const signal: Message = { kind: "signal", serial: this.#serial++, path, interface: of, member, signature, body };
    for (const socket of this.#sockets) socket.write(encodeMessage(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, "close");
    rmSync(this.path, { force: true });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
    let received: Buffer = Buffer.alloc(0);
    let isOpen = false;
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (!isOpen) {
        const end = received.indexOf("\r\n");
        if (end < 0) return;
        const line = received.toString("latin1", 0, end);
        received = received.subarray(end + 2);
        if (line.startsWith("\0AUTH EXTERNAL")) socket.write("OK 0123456789abcdef0123456789abcdef\r\n");
        else if (line === "NEGOTIATE_UNIX_FD") socket.write("AGREE_UNIX_FD\r\n");
        else if (line === "BEGIN") isOpen = true;
        else socket.write("ERROR\r\n");
      }
      for (let length = messageLength(received); length !== undefined && received.length >= length; ) {
        const call = decodeMessage(received.subarray(0, length));
        received = received.subarray(length);
        length = messageLength(received);
        const answer = call.destination === "org.freedesktop.DBus" ? NOTHING : this.answer(call);
        if (answer) socket.write(this.#reply(call, answer));
      }
    });
  }

  #reply({ serial: replyTo }: Message, answer: Answer): Buffer {
    const serial = this.#serial++;
    if ("error" in answer)
      return encodeMessage({
        ...{ kind: "error", serial, replyTo, errorName: answer.error },
        ...{ signature: "s", body: ["says no"] },
      });
    return encodeMessage({ kind: "reply", serial, replyTo, ...answer });
  }
}

const MANAGER = "org.freedesktop.systemd1.Manager";
const PATH = "/org/freedesktop/systemd1";

/** systemd's manager: units are there or not, jobs end at once. What was asked of it is kept in words. */
export class FakeSystemd {
  readonly units = new Set<string>();
  readonly asked: string[] = [];
  /** How its next jobs end. */
  result = "done";
  /** The signal that a job is done gets lost. */
  losesSignals = false;
  version = "252.39-1~deb12u2";
  readonly #bus: FakeBus;
  #jobs = 0;

  constructor(bus: FakeBus) {
    this.#bus = bus;
    bus.answer = (call) => this.answer(call);
  }

  answer({ member = "", body, interface: of }: Message): Answer {
    const unit = String(body[0]);
    if (of === "org.freedesktop.DBus.Properties") {
      const value = body[1] === "Version" ? this.version : "inactive";
      const isUp = body[1] === "ActiveState" && this.result === "done" && this.units.size > 0;
      return { signature: "v", body: [{ type: "s", value: isUp ? "active" : value }] };
    }
    this.asked.push(textOf(member, body));
    switch (member) {
      case "StartTransientUnit":
        if (this.units.has(unit)) return { error: "org.freedesktop.systemd1.UnitExists" };
        this.units.add(unit);
        return this.#job(unit);
      case "StartUnit":
        return this.#job(unit);
      case "StopUnit":
        if (!this.units.delete(unit)) return { error: "org.freedesktop.systemd1.NoSuchUnit" };
        for (const other of [...this.units])
          if (other.startsWith(`${unit.slice(0, -".slice".length)}-`)) this.units.delete(other);
        return this.#job(unit);
      case "GetUnit":
        if (!this.units.has(unit)) return { error: "org.freedesktop.systemd1.NoSuchUnit" };
        return { signature: "o", body: [`${PATH}/unit/u`] };
      default:
        return NOTHING;
    }
  }

  #job(unit: string): Answer {
    const id = ++this.#jobs;
    const job = `${PATH}/job/${id}`;
    const tell = () => this.#bus.emit(PATH, MANAGER, "JobRemoved", "uoss", [id, job, unit, this.result]);
    // Before the answer: the signal may well come first.
    if (!this.losesSignals) {
      if (id % 2 === 0) tell();
      else setImmediate(tell);
    }
    return { signature: "o", body: [job] };
  }
}

/** "StartTransientUnit a.slice Wants=-.slice": a call as a reader wants it. */
function textOf(member: string, body: readonly BusValue[]): string {
  const words = body.flatMap((each): (string | undefined)[] => {
    if (typeof each === "string") return each === "replace" ? [] : [each];
    if (!Array.isArray(each)) return [];
    return (each as readonly (readonly [string, Variant])[]).map(([name, { value }]) => `${name}=${value}`);
  });
  return [member, ...words].join(" ");
}
