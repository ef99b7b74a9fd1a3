import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Bell } from "../../base/bell.ts";
import { KubeletError, messageOf } from "../../base/fault.ts";
import { type Millis, millis, seconds } from "../../base/units.ts";
import { within } from "../../base/within.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Shutdowns, ShutdownWatch } from "../../ports/shutdowns.ts";
import { Bus, type BusCall, type BusPlace } from "./bus.ts";
import { takeInhibitor } from "./inhibitor.ts";
import type { BusValue, Variant } from "./marshal.ts";
import { SYSTEMD } from "./units.ts";

const LOGIND = "org.freedesktop.login1";
const PATH = "/org/freedesktop/login1";
const MANAGER = `${LOGIND}.Manager`;
const NOTICE = `type='signal',sender='${LOGIND}',interface='${MANAGER}',member='PrepareForShutdown',path='${PATH}'`;
const PATIENCE = seconds(10);
const SIGHUP = 1;

export interface LogindOptions {
  readonly place: BusPlace;
  /** /etc/systemd/logind.conf.d/99-kubelet.conf on a usual host. */
  readonly dropIn: string;
  readonly clock: Clock;
}

/** systemd-logind over the system bus. https://www.freedesktop.org/wiki/Software/systemd/inhibit/ */
export function logindShutdowns(options: LogindOptions): Shutdowns {
  return {
    async watch(signal) {
      const bus = await Bus.open(options.place, options.clock, signal);
      const watch = new LogindWatch(bus, options);
      try {
        await within(PATIENCE, options.clock, {
          work: (life) => bus.match(NOTICE, life),
          late: notAnswered,
          signal,
        });
        return watch;
      } catch (error) {
        watch[Symbol.dispose]();
        signal.throwIfAborted();
        throw logindFault("listen for shutdowns", error);
      }
    },
  };
}

class LogindWatch implements ShutdownWatch {
  readonly #bus: Bus;
  readonly #options: LogindOptions;
  readonly #told: boolean[] = [];
  readonly #bell = new Bell();
  #isLost = false;

  constructor(bus: Bus, options: LogindOptions) {
    this.#bus = bus;
    this.#options = options;
    bus.onSignal(({ member, interface: of, body }) => {
      const [begins] = body;
      if (member !== "PrepareForShutdown" || of !== MANAGER || typeof begins !== "boolean") return;
      this.#told.push(begins);
      this.#bell.ring();
    });
    void bus.lost.then(() => {
      this.#isLost = true;
      this.#bell.ring();
    });
  }

  async longestHold(signal: AbortSignal): Promise<Millis> {
    const micros = await this.#property("InhibitDelayMaxUSec", signal);
    return millis(Number(micros as bigint) / 1000);
  }

  async allowHold(span: Millis, signal: AbortSignal): Promise<void> {
    const { dropIn } = this.#options;
    try {
      await mkdir(dirname(dropIn), { recursive: true, mode: 0o755 });
      // In the Go kubelet's words, so that either takes the other's file for its own.
      const text = `# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=${Math.ceil(span / 1000)}\n`;
      await writeFile(dropIn, text, { mode: 0o644 });
    } catch (error) {
      throw logindFault(`write ${dropIn}`, error);
    }
    await this.#call(
      "have logind read its configuration anew",
      {
        destination: SYSTEMD,
        path: "/org/freedesktop/systemd1",
        interface: `${SYSTEMD}.Manager`,
        member: "KillUnit",
        signature: "ssi",
        body: ["systemd-logind.service", "all", SIGHUP],
      },
      signal,
    );
  }

  hold(signal: AbortSignal): Promise<Disposable> {
    const { place } = this.#options;
    return takeInhibitor(
      place.path,
      { what: "shutdown", who: "kubelet", why: "Kubelet needs time to handle node shutdown", mode: "delay" },
      signal,
    );
  }

  async *notices(signal: AbortSignal): AsyncGenerator<boolean> {
    // Whatever was told before this was asked is older than the answer.
    this.#told.length = 0;
    yield (await this.#property("PreparingForShutdown", signal)) === true;
    for (;;) {
      const next = this.#told.shift();
      if (next !== undefined) yield next;
      else if (this.#isLost) return;
      else await this.#bell.wait(signal);
    }
  }

  [Symbol.dispose](): void {
    this.#bus[Symbol.dispose]();
  }

  async #property(name: string, signal: AbortSignal): Promise<BusValue> {
    const [value] = await this.#call(
      `read ${name} of logind`,
      {
        destination: LOGIND,
        path: PATH,
        interface: "org.freedesktop.DBus.Properties",
        member: "Get",
        signature: "ss",
        body: [MANAGER, name],
      },
      signal,
    );
    return (value as Variant).value;
  }

  async #call(action: string, call: BusCall, signal: AbortSignal): Promise<readonly BusValue[]> {
    try {
      return await within(PATIENCE, this.#options.clock, {
        work: (life) => this.#bus.call(call, life),
        late: notAnswered,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw logindFault(action, error);
    }
  }
}

function notAnswered(): never {
  throw new Error(`no answer after ${PATIENCE / 1000} s`);
}

function logindFault(action: string, error: unknown): KubeletError {
  if (error instanceof KubeletError) return error;
  const errno = error instanceof Error && "code" in error ? String(error.code) : "EIO";
  return new KubeletError(
    `Cannot ${action}: ${messageOf(error)}`,
    { code: "file-failed", path: LOGIND, errno },
    { cause: error },
  );
}
