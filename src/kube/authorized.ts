import { isFault } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * The server lets a node read what its pods name, as soon as the part of it that decides that has heard of the pod: sometimes that is
 * after we have. A first "forbidden" is outdated in milliseconds.
 */
const WAITS = [20, 40, 80, 160, 320].map(millis);
const FORBIDDEN = 403;

/** Tries again a few times, soon, while the server says that we may not. Rejects with what the last try threw. */
export async function onceAuthorized<T>(call: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await call();
    } catch (error) {
      if (!isFault(error, "api-refused") || error.fault.status !== FORBIDDEN) throw error;
      await clock.sleep(wait, signal);
    }
  }
  return call();
}
