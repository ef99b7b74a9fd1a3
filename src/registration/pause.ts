import type { Bell } from "../base/bell.ts";
import type { Millis } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Clock } from "../ports/clock.ts";

/** Waits until the bell rings, `span` at most. */
export const pause = (bell: Bell, span: Millis, clock: Clock, signal: AbortSignal): Promise<void> =>
  within(span, clock, { work: (life) => bell.wait(life), late: () => {}, signal });
