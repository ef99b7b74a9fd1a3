import type { Probe } from "../model/kubernetes.ts";

/** What a probe's answers add up to. */
export interface Tally {
  /** The answer that the last `run` probes gave, undefined before the first. */
  readonly last: boolean | undefined;
  /** How many times in a row. */
  readonly run: number;
  /** What enough equal answers in a row have decided; it stays until as many say the opposite. undefined: nothing yet. */
  readonly verdict: boolean | undefined;
}

export const NO_ANSWERS: Tally = { last: undefined, run: 0, verdict: undefined };

/** The tally after one more answer. One that is below its threshold leaves the verdict as it was. */
export function count(
  tally: Tally,
  success: boolean,
  { successThreshold, failureThreshold }: Pick<Probe, "successThreshold" | "failureThreshold">,
): Tally {
  const run = tally.last === success ? tally.run + 1 : 1;
  const needed = (success ? successThreshold : failureThreshold) ?? 1;
  return { last: success, run, verdict: run >= needed ? success : tally.verdict };
}
