import { KubeletError } from "../base/fault.ts";
import type { Millis } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * One call that says the node lives: an answer that takes too long is worth nothing.
 * @throws KubeletError `api-unavailable` when the time is over
 */
export const heartbeat = <T>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, patience }: { readonly clock: Clock; readonly patience: Millis },
  signal: AbortSignal,
): Promise<T> =>
  within(patience, clock, {
    work: call,
    late: () => {
      throw new KubeletError(`Cannot reach the API server: no answer within ${Math.round(patience / 1000)} s`, {
        code: "api-unavailable",
        server: "",
      });
    },
    signal,
  });
