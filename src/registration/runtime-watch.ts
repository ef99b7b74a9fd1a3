import { Bell } from "../base/bell.ts";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Instant, type Millis, millis, seconds } from "../base/units.ts";
import type { RuntimeCondition, RuntimeStatus, RuntimeVersion } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { Runtime } from "../ports/runtime.ts";
import { pause } from "./pause.ts";
import { sameMeaning } from "./semantic.ts";

/** Upstream's: a runtime that is restarted comes back sooner, and the node stays ready. */
const PATIENCE = seconds(30);
/** While all is well nobody but this timer would notice a network plugin that lost its configuration. */
const REST = seconds(10);
const QUICKEST = millis(100);
const SLOWEST = seconds(5);

export interface RuntimeWatchDeps {
  readonly runtime: Pick<Runtime, "status" | "version">;
  readonly clock: Clock;
  readonly log: Log;
  /** The runtime says something else than before, or answers again. */
  readonly onChange: () => void;
}

/** What the runtime says of itself, asked again when somebody has a reason, soon while it is not ready, and now and then. */
export class RuntimeWatch {
  readonly #deps: RuntimeWatchDeps;
  readonly #bell = new Bell();
  readonly #asked = Promise.withResolvers<void>();
  #status: RuntimeStatus | undefined;
  #version: RuntimeVersion | undefined;
  /** When it last said that it is ready. */
  #readyAt: Instant | undefined;
  #failing = false;

  constructor(deps: RuntimeWatchDeps) {
    this.#deps = deps;
  }

  get status(): RuntimeStatus | undefined {
    return this.#status;
  }

  get version(): RuntimeVersion | undefined {
    return this.#version;
  }

  /** Resolves when the runtime was asked once, whatever came of it. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  /** Something may have changed: ask now. */
  look(): void {
    this.#bell.ring();
  }

  /** When the node stops being ready for the runtime's silence, if that goes on. */
  get downAt(): Instant | undefined {
    return this.#readyAt === undefined ? undefined : ((this.#readyAt + PATIENCE) as Instant);
  }

  /** In upstream's words; empty: it runs containers. */
  runtimeProblems(): readonly string[] {
    const silence =
      this.downAt === undefined
        ? ["container runtime status check may not have completed yet"]
        : this.#deps.clock.monotonic() >= this.downAt
          ? ["container runtime is down"]
          : [];
    const told = this.#status?.runtime;
    return told && !told.status
      ? [...silence, `container runtime not ready: ${conditionText("RuntimeReady", told)}`]
      : silence;
  }

  networkProblems(): readonly string[] {
    if (!this.#status) return ["network state unknown"];
    const told = this.#status.network;
    return told.status ? [] : [`container runtime network not ready: ${conditionText("NetworkReady", told)}`];
  }

  async run(signal: AbortSignal): Promise<never> {
    let wait: Millis = QUICKEST;
    for (;;) {
      const ready = await this.#ask(signal);
      this.#asked.resolve();
      wait = ready ? REST : millis(Math.min(wait * 1.5, SLOWEST));
      const before = this.#deps.clock.monotonic();
      await pause(this.#bell, wait, this.#deps.clock, signal);
      const rung = this.#deps.clock.monotonic() - before < wait;
      if (rung || ready) wait = QUICKEST;
    }
  }

  /** Whether it is ready, network and all. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { runtime, clock, log, onChange } = this.#deps;
    try {
      const status = await runtime.status(signal);
      const news = !sameMeaning(status, this.#status) || this.#failing;
      if (news || this.#version === undefined) this.#version = await runtime.version(signal);
      this.#status = status;
      if (status.runtime.status) this.#readyAt = clock.monotonic();
      this.#failing = false;
      if (news) {
        log.debug(2, "Container runtime status changed", { runtime: status.runtime, network: status.network });
        onChange();
      }
      return status.runtime.status && status.network.status;
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#failing)
        log.warn("Cannot read the container runtime's status, will ask again", { err: messageOf(error) });
      this.#failing = true;
      return false;
    }
  }
}

/** As Go prints a runtime condition. */
const conditionText = (type: string, { status, reason, message }: RuntimeCondition): string =>
  `${type}=${status} reason:${reason} message:${message}`;
