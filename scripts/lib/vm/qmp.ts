/** QEMU's machine protocol: JSON lines over a UNIX socket. Commands one at a time, events as they come. */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface QmpEvent {
  /** "RESET", "SHUTDOWN", "STOP", … */
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Reply {
  readonly QMP?: object;
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

export class Qmp implements Disposable {
  readonly #socket: Socket;
  readonly #waiting: PromiseWithResolvers<unknown>[] = [];
  readonly #onEvent: (event: QmpEvent) => void;

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    // The greeting is answered first, like a command.
    const lines = createInterface({ input: socket }).on("line", (line) => this.#take(JSON.parse(line)));
    // qemu's end breaks the connection; "close" tells those who wait. The reader of lines repeats what the socket says.
    for (const one of [socket, lines]) one.on("error", () => {});
    socket.on("close", () => {
      for (const one of this.#waiting.splice(0)) one.reject(new Error("qemu closed its control socket"));
    });
  }

  /** Connects to a qemu that listens at `path`; throws when nobody does. */
  static async connect(path: string, onEvent: (event: QmpEvent) => void): Promise<Qmp> {
    const qmp = new Qmp(await openSocket(path), onEvent);
    await qmp.run("qmp_capabilities");
    return qmp;
  }

  /** Runs one command; throws with qemu's words when it fails. */
  async run(execute: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#socket.destroyed) throw new Error(`${execute}: qemu has closed its control socket`);
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.push(waiting);
    this.#socket.write(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    try {
      return await waiting.promise;
    } catch (error) {
      throw new Error(`qemu: ${execute}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(reply: Reply): void {
    if (reply.QMP !== undefined) return;
    if (reply.event !== undefined) this.#onEvent({ event: reply.event, ...(reply.data && { data: reply.data }) });
    else if (reply.error !== undefined) this.#waiting.shift()?.reject(new Error(reply.error.desc));
    else this.#waiting.shift()?.resolve(reply.return);
  }
}

/** A connected UNIX socket. */
export async function openSocket(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path);
  socket.once("error", reject).once("connect", () => {
    socket.off("error", reject);
    resolve(socket);
  });
  return await promise;
}
