import { KubeletError } from "../base/fault.ts";
import { type Millis, millis, seconds } from "../base/units.ts";

/** What systemd told this process by its environment. */
export interface ManagerEnv {
  /** Where it wants to be told: a path or `@name`. undefined: nobody asked. */
  readonly socket: string | undefined;
  /** It ends us when it hears nothing for so long. undefined: it doesn't. */
  readonly watchdog: Millis | undefined;
}

/** Nothing of it is meant for children: one that told systemd in our place would be taken for us. */
export const MANAGER_VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;

/** Upstream's: a shorter one is not worth the risk of missing it. */
const SHORTEST_WATCHDOG = seconds(1);

/**
 * Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` as sd_notify(3) and sd_watchdog_enabled(3) have them.
 * @throws KubeletError `start-refused` for a watchdog time that is no number, or 1 s or less, as upstream
 */
export function readManagerEnv(env: { readonly [name: string]: string | undefined }, pid: number): ManagerEnv {
  return { socket: env.NOTIFY_SOCKET || undefined, watchdog: watchdogOf(env, pid) };
}

function watchdogOf(env: { readonly [name: string]: string | undefined }, pid: number): Millis | undefined {
  const { WATCHDOG_USEC: micros, WATCHDOG_PID: whose } = env;
  if (!micros) return undefined;
  if (!/^[1-9]\d{0,17}$/.test(micros)) throw refused("WATCHDOG_USEC", micros, "need microseconds, more than 0");
  if (whose && !/^\d+$/.test(whose)) throw refused("WATCHDOG_PID", whose, "need a process id");
  if (whose && Number(whose) !== pid) return undefined;
  const span = millis(Number(micros) / 1000);
  if (span > SHORTEST_WATCHDOG) return span;
  throw refused("WATCHDOG_USEC", micros, "need more than 1000000, which is 1 s; set WatchdogSec= of the unit higher");
}

const refused = (name: string, value: string, need: string): KubeletError =>
  new KubeletError(`Cannot use ${name} ${JSON.stringify(value)} that systemd gave: ${need}`, {
    code: "start-refused",
    what: name,
  });
