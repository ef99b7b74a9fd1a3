/** One program of a cluster as a child process: started, killed, held still, started again with the same arguments; its words in a log file. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { dyingWithUs, stopChild } from "../run.ts";
import { waitFor } from "../wait.ts";

export interface ProgramOptions {
  /** For messages: `kube-apiserver`. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** Appended to; the folder must exist. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it does its work. Throwing counts as "not yet", and the last error is told when time is up. */
  readonly isReady: () => Promise<boolean>;
  readonly patienceMs?: number;
  /** Told when it has ended and nobody asked for that, once it had been ready. */
  readonly onEnd?: (program: Program) => void;
  /** In a process group of its own: a terminal's ^C does not reach it. And it stays when this process is killed. */
  readonly detached?: boolean;
}

/** An API server takes six seconds where nothing else runs. */
const PATIENCE_MS = 180_000;
const LOG_LINES = 20;

export class Program implements AsyncDisposable {
  readonly name: string;
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #paused = false;
  /** Somebody has asked for its end. */
  #ending = false;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.ended === undefined ? this.#child?.pid : undefined;
  }

  /** Why it does not run, or undefined while it does. */
  get ended(): string | undefined {
    const child = this.#child;
    if (child === undefined) return "was not started";
    if (child.exitCode === null && child.signalCode === null) return undefined;
    return child.signalCode === null ? `ended with exit code ${child.exitCode}` : `was ended by ${child.signalCode}`;
  }

  /** Starts it if it does not run, and waits until it is ready. A failed start tells the end of its log, and leaves no process. */
  async start(): Promise<void> {
    if (this.ended === undefined) return;
    this.launch();
    try {
      await this.ready();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Starts it and does not wait. */
  launch(): void {
    const { file, args, log, env, detached = false } = this.#options;
    const output = openSync(log, "a");
    this.#paused = false;
    this.#ending = false;
    const [command, words] = detached ? [file, args] : dyingWithUs(file, args);
    this.#child = spawn(command, words, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...env },
      detached,
    });
    closeSync(output);
    // Without a listener, a file that cannot be started would end this process; ready() tells.
    this.#child.on("error", () => {});
  }

  /** Waits until it does its work; fails at once when it has ended. */
  async ready(): Promise<void> {
    const { name, isReady, patienceMs = PATIENCE_MS } = this.#options;
    let failed: string | undefined;
    const child = this.#child;
    await waitFor(
      `${name} to be ready`,
      async () => {
        failed = this.#child?.pid === undefined ? `could not be started: ${this.#options.file}` : this.ended;
        return failed !== undefined || (await isReady());
      },
      { timeout: patienceMs, explain: () => this.#words() },
    );
    if (failed !== undefined) throw new Error(`${name} ${failed}\n${this.#words()}`);
    child?.once("exit", () => {
      if (!this.#ending) this.#options.onEnd?.(this);
    });
  }

  /** Rejects when the process that runs now ends without having been asked to; never resolves. */
  async unexpectedEnd(): Promise<never> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.name} was not started`);
    if (this.ended === undefined) await new Promise((resolve) => child.once("exit", resolve));
    if (this.#ending) return await new Promise<never>(() => {});
    throw new Error(`${this.name} ${this.ended}\n${this.#words()}`);
  }

  /** SIGTERM and its end; SIGKILL when it takes too long. Fine when it does not run. */
  async stop(): Promise<void> {
    this.resume();
    this.#ending = true;
    if (this.#child?.pid !== undefined) await stopChild(this.#child);
  }

  /** SIGKILL and its end: a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.ended !== undefined) return;
    this.#ending = true;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    this.#paused = false;
  }

  /** Killed and started again with the same arguments, and so on the same port. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void {
    if (!this.#child?.kill("SIGSTOP")) throw new Error(`pause ${this.name}: it ${this.ended ?? "does not run"}`);
    this.#paused = true;
  }

  resume(): void {
    if (this.#paused) this.#child?.kill("SIGCONT");
    this.#paused = false;
  }

  /** All it has said, over all its starts. */
  log(): string {
    return existsSync(this.#options.log) ? readFileSync(this.#options.log, "utf8") : "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #words(): string {
    const lines = this.log().trimEnd().split("\n").slice(-LOG_LINES);
    return `the end of ${this.#options.log}:\n${lines.map((line) => `  ${line}`).join("\n")}`;
  }
}
