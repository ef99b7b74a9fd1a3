import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { ServiceManager } from "../ports/service-manager.ts";

/** One check of `/healthz`: why it fails; undefined while all is well. */
export interface Check {
  readonly name: string;
  readonly problem: () => string | undefined;
}

export interface ToldDeps {
  readonly manager: ServiceManager;
  /** undefined: systemd does not wait for signs of life. */
  readonly watchdog: Millis | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What `systemctl status` shows follows within this time. */
const STATUS_EVERY = seconds(10);
const RETRIES = [seconds(1), seconds(2)];

/** What systemd is told of this kubelet's life. Telling it may fail, which never harms the node. */
export class Told {
  readonly #deps: ToldDeps;
  #status = "";

  constructor(deps: ToldDeps) {
    this.#deps = deps;
  }

  /** What `systemctl status` shows, in one line. */
  status(text: string): void {
    const line = text.replace(/\s+/g, " ").trim();
    if (line !== this.#status && this.#tell(`STATUS=${line}`)) this.#status = line;
  }

  stopping(): void {
    this.#tell("STOPPING=1\nSTATUS=Stopping; pods keep running");
  }

  /**
   * The node is up: says so once, then gives a sign of life at half of the watchdog's time as long as every check passes. After one that failed it
   * looks again ten times as often, so that health that came back is told in time.
   * @returns never but by the signal
   */
  async up(checks: readonly Check[], status: () => string, signal: AbortSignal): Promise<never> {
    const { watchdog } = this.#deps;
    while (!this.#tell("READY=1")) await this.#deps.clock.sleep(seconds(1), signal);
    await Promise.all([
      this.#keepStatus(checks, status, signal),
      ...(watchdog === undefined ? [] : [this.#feed(checks, millis(watchdog / 2), signal)]),
    ]);
    throw signal.reason;
  }

  async #keepStatus(checks: readonly Check[], status: () => string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const failed = failing(checks);
      this.status(failed ? `Unhealthy: ${failed.text}` : status());
      await this.#deps.clock.sleep(STATUS_EVERY, signal);
    }
  }

  async #feed(checks: readonly Check[], every: Millis, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    for (;;) {
      const failed = failing(checks);
      if (failed === undefined) await this.#sign(signal);
      else
        log.error("Not feeding systemd's watchdog, which will restart the kubelet, as a health check fails", {
          check: failed.name,
          err: failed.problem,
        });
      await clock.sleep(failed === undefined ? every : millis(every / 10), signal);
    }
  }

  async #sign(signal: AbortSignal): Promise<void> {
    for (const wait of [...RETRIES, undefined]) {
      if (this.#tell("WATCHDOG=1") || wait === undefined) return;
      await this.#deps.clock.sleep(wait, signal);
    }
  }

  /** Whether it was told. */
  #tell(state: string): boolean {
    const { manager, log } = this.#deps;
    try {
      manager.notify(state);
      return true;
    } catch (error) {
      log.warn("Cannot tell systemd", { state: state.split("=")[0], err: messageOf(error) });
      return false;
    }
  }
}

function failing(checks: readonly Check[]): { name: string; problem: string; text: string } | undefined {
  for (const { name, problem } of checks) {
    const found = problem();
    if (found !== undefined) return { name, problem: found, text: `${name}: ${found}` };
  }
  return undefined;
}
