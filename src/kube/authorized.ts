import { isFault } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * The server lets a node read what its pods name, gives it their tokens, and lets it make and delete pods, as soon as the parts of it that
 * decide that have heard of the pod or the node: sometimes that is after we have. The node authorizer says "forbidden" until then,
 * NodeRestriction that there is no such pod or node; both are outdated in milliseconds.
 */
const WAITS = [20, 40, 80, 160, 320].map(millis);
/** NodeRestriction's words, from what it keeps; of what the store has not, the server says `pods "x" not found`. */
const UNHEARD_OF = /: (pod|node) "[^"]*" not found/;

/** Tries again a few times, soon, while the server says that we may not, or that it knows no such pod. Rejects with what the last try threw. */
export const onceAuthorized = <T>(call: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> =>
  whileOutdated(call, (error) => isForbidden(error) || isUnheardOf(error), clock, signal);

/** As onceAuthorized, where "forbidden" may well be meant. */
export const onceHeardOf = <T>(call: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> =>
  whileOutdated(call, isUnheardOf, clock, signal);

/** The server's admission knows no such pod or node: yet, or any more. Whether there is one, this does not tell. */
export const isUnheardOf = (error: unknown): boolean =>
  isFault(error, "api-refused") && error.fault.status === 404 && UNHEARD_OF.test(error.message);

const isForbidden = (error: unknown): boolean => isFault(error, "api-refused") && error.fault.status === 403;

async function whileOutdated<T>(
  call: () => Promise<T>,
  isOutdated: (error: unknown) => boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
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
