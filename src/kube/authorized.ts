import { isFault } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * The server lets a node read what its pods name, and gives it their tokens, as soon as the parts of it that decide that have heard of
 * the pod: sometimes that is after we have. The node authorizer says "forbidden" until then, NodeRestriction that there is no such pod;
 * both are outdated in milliseconds.
 */
const WAITS = [20, 40, 80, 160, 320].map(millis);
const UNHEARD_OF_POD = /: pod "[^"]*" not found/;

/** Tries again a few times, soon, while the server says that we may not, or that it knows no such pod. Rejects with what the last try threw. */
export async function onceAuthorized<T>(call: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await call();
    } catch (error) {
      if (!isOutdated(error)) throw error;
      await clock.sleep(wait, signal);
    }
  }
  return call();
}

function isOutdated(error: unknown): boolean {
  if (!isFault(error, "api-refused")) return false;
  const { status } = error.fault;
  return status === 403 || (status === 404 && UNHEARD_OF_POD.test(error.message));
}
