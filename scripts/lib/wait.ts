/** Waiting for the real world: asks again until the answer is there. */
import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  /** Milliseconds after which waiting fails; 30 s when not given. */
  readonly timeout?: number;
  /** Milliseconds between two tries; 50 when not given. */
  readonly interval?: number;
  /** More for the error: say, the last lines of a log. */
  readonly explain?: () => string | Promise<string>;
}

/**
 * Tries `probe` until it gives something other than undefined, null or false, and returns that. A probe that throws counts as "not yet"; its last error is
 * told when time is up. `what` completes the sentence "waited 30 s for ...".
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  { timeout = 30_000, interval = 50, explain }: WaitOptions = {},
): Promise<T> {
  const started = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() - started > timeout) break;
    await sleep(interval);
  }
  const more = await explain?.();
  const lines = [
    `waited ${timeout / 1000} s for ${what}`,
    last === undefined ? undefined : `last error: ${last}`,
    more,
  ];
  throw new Error(lines.filter((line) => line !== undefined && line !== "").join("\n"), { cause: last });
}
