import { after, type Instant, type Millis, millis, seconds } from "../base/units.ts";
import type { Probe } from "../model/kubernetes.ts";
import type { ProbeKind } from "./kind.ts";

export interface Beginning {
  readonly kind: ProbeKind;
  readonly probe: Pick<Probe, "initialDelaySeconds" | "periodSeconds">;
  readonly now: Instant;
  /** For how long the container runs, in milliseconds; less than 0 where the wall clock was set back. */
  readonly runsFor: number;
  /** The container ran before this kubelet did. `known`: what the probe would say is known from then. */
  readonly adopted: false | { readonly known: boolean };
  /** In [0, 1). */
  readonly chance: number;
}

/** Nothing is known of the container, so its probe does not wait long for its turn. */
const SHORT_SPREAD = seconds(1);

export const periodOf = ({ periodSeconds }: Pick<Probe, "periodSeconds">): Millis => seconds(periodSeconds || 10);

/**
 * When a probe of a running container asks first. Readiness at once, after its delay. The others, whose failures count against the
 * container, after their delay, or else after one period: that is the latest time at which the Go kubelet's ticker comes.
 * Probes of containers that an earlier kubelet started are spread, so that a restart does not ask everything at once.
 */
export function firstAt({ kind, probe, now, runsFor, adopted, chance }: Beginning): Instant {
  const period = periodOf(probe);
  if (adopted) {
    const spread = adopted.known ? period : Math.min(period, SHORT_SPREAD);
    return after(now, millis(Math.max(delayLeft(probe, runsFor), spread * chance)));
  }
  if (kind === "readiness" || probe.initialDelaySeconds) return after(now, delayLeft(probe, runsFor));
  return after(now, period);
}

/** The next time on the probe's grid; at once where an answer took longer than a period. */
export function nextAt(last: Instant, now: Instant, period: Millis): Instant {
  const next = after(last, period);
  return next < now ? now : next;
}

const delayLeft = ({ initialDelaySeconds = 0 }: Pick<Probe, "initialDelaySeconds">, runsFor: number): Millis =>
  millis(Math.max(0, initialDelaySeconds * 1000 - Math.max(0, runsFor)));
