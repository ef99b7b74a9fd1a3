/** The host's side of agent.pl: many commands at a time over one stream, with their output as bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";

/** The program that runs in the machine. */
export const AGENT_PROGRAM: string = readFileSync(join(import.meta.dirname, "agent.pl"), "utf8");

/** What a command left. `code` is 128 + N after signal N. */
export interface AgentResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** `code` of a command that was killed since it took too long. */
export const TIMED_OUT = 124;

interface Pending {
  readonly promise: PromiseWithResolvers<AgentResult>;
  readonly out: Buffer[];
  readonly err: Buffer[];
}

export class Agent {
  readonly #port: Duplex;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #buffer: Buffer = Buffer.alloc(0);
  #ready = newReady();
  #isReady = false;

  constructor(port: Duplex) {
    this.#port = port;
    port.on("data", (bytes: Buffer) => this.#take(bytes));
    port.on("error", () => {});
    port.on("close", () => this.fail(new Error("the connection to the virtual machine has closed")));
  }

  /** The id of the boot, once the agent of this boot has started. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  /** Runs a line of bash. Rejects only when the machine goes down under it. `timeout` in seconds, kept by the agent. */
  run(command: string, timeout: number, input: Uint8Array = new Uint8Array()): Promise<AgentResult> {
    const promise = Promise.withResolvers<AgentResult>();
    const id = this.#nextId++;
    this.#pending.set(id, { promise, out: [], err: [] });
    const text = Buffer.from(command);
    this.#port.write(
      Buffer.concat([Buffer.from(`run ${id} ${timeout} ${text.length} ${input.length}\n`), text, input]),
    );
    return promise.promise;
  }

  /** The machine starts again: commands in flight fail, and `ready` is the next boot's. A machine may reset more than once on its way. */
  reset(reason: string): void {
    this.#buffer = Buffer.alloc(0);
    this.#failCommands(new Error(reason));
    if (this.#isReady) this.#ready = newReady();
    this.#isReady = false;
  }

  /** There is nobody to ask any more. */
  fail(error: Error): void {
    this.#ready.reject(error);
    this.#failCommands(error);
  }

  #failCommands(error: Error): void {
    for (const { promise } of this.#pending.values()) promise.reject(error);
    this.#pending.clear();
  }

  #take(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    for (;;) {
      const end = this.#buffer.indexOf(0x0a);
      if (end < 0) return;
      const [kind = "", id = "", number = "0"] = this.#buffer.toString("latin1", 0, end).split(" ");
      const length = kind === "out" || kind === "err" ? Number(number) : 0;
      if (this.#buffer.length < end + 1 + length) return;
      const body = this.#buffer.subarray(end + 1, end + 1 + length);
      this.#buffer = this.#buffer.subarray(end + 1 + length);
      if (kind === "ready") {
        this.#isReady = true;
        this.#ready.resolve(id);
      } else this.#tell(kind, Number(id), Number(number), body);
    }
  }

  #tell(kind: string, id: number, number: number, body: Buffer): void {
    const pending = this.#pending.get(id);
    // Of a command that was given up.
    if (pending === undefined) return;
    if (kind === "out") pending.out.push(body);
    else if (kind === "err") pending.err.push(body);
    else if (kind === "end") {
      this.#pending.delete(id);
      pending.promise.resolve({
        code: number,
        stdout: Buffer.concat(pending.out),
        stderr: Buffer.concat(pending.err),
      });
    }
  }
}

function newReady(): PromiseWithResolvers<string> {
  const ready = Promise.withResolvers<string>();
  // Nobody need wait for it.
  ready.promise.catch(() => {});
  return ready;
}
