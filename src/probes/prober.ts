import { type Instant, until } from "../base/units.ts";
import type { Probe } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Answer } from "./ask.ts";
import type { ProbeKind } from "./kind.ts";
import { count, NO_ANSWERS, type Tally } from "./tally.ts";
import { nextAt, periodOf } from "./timing.ts";

export interface Round {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly firstAt: Instant;
  /** What is known before the first answer. */
  readonly verdict: boolean | undefined;
}

export interface ProberDeps {
  readonly clock: Clock;
  /** Rejects with `signal.reason` only. */
  readonly ask: (signal: AbortSignal) => Promise<Answer>;
  /** Each answer, with the milliseconds it took. */
  readonly onAnswer: (answer: Answer, took: number) => void;
  /** Called when the verdict changes. */
  readonly onVerdict: (verdict: boolean) => void;
}

/**
 * Asks one probe of one running container again and again, one at a time, until its signal aborts: that is when the container ends.
 * A startup probe ends with its verdict and a liveness probe with a bad one: the container is then replaced, and that one has its own.
 */
export async function prober(
  { kind, probe, firstAt, verdict }: Round,
  deps: ProberDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = deps;
  let at = firstAt;
  let tally: Tally = { ...NO_ANSWERS, verdict };
  for (;;) {
    await clock.sleep(until(clock.monotonic(), at), signal);
    const begun = clock.monotonic();
    const answer = await deps.ask(signal);
    signal.throwIfAborted();
    deps.onAnswer(answer, clock.monotonic() - begun);
    if (answer.kind !== "error") {
      const before = tally.verdict;
      tally = count(tally, answer.kind !== "failure", probe);
      if (tally.verdict !== undefined && tally.verdict !== before) deps.onVerdict(tally.verdict);
      if (tally.verdict !== undefined && (kind === "startup" || (kind === "liveness" && !tally.verdict))) return;
    }
    at = nextAt(at, clock.monotonic(), periodOf(probe));
  }
}
