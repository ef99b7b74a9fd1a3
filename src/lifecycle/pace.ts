import { after, type Instant, millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Step } from "./step.ts";

/**
 * Slows a plan down that repeats itself though each step succeeds: the runtime says yes and does nothing. And one whose step keeps failing: what a failed
 * try leaves in the runtime rings, which ends the rest after it, and may make other steps come in between.
 */
export class Pace {
  readonly #clock: Clock;
  #last = "";
  #repeats = 0;
  /** The plan that waits for its turn. */
  #held: { readonly key: string; readonly until: Instant } | undefined;
  /** Sandboxes that came up since a container last started in one: each is another step, though nothing gets on. */
  #sandboxes = 0;
  /** Failures since the last success. */
  readonly #failures = new Map<Step["kind"], number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** "again": something happened meanwhile, and the plan is older than that. */
  async beforeRepeating(steps: readonly Step[], mailbox: Mailbox, signal: AbortSignal): Promise<"go" | "again"> {
    const key = steps
      .map((step) => `${step.kind} ${"id" in step ? step.id : ""} ${"attempt" in step ? step.attempt : ""}`)
      .join();
    // The same plan, made anew while it is held back, is no repetition.
    if (this.#held?.key !== key) this.#held = { key, until: this.#holdUntil(key, steps) };
    const { until } = this.#held;
    if (this.#clock.monotonic() < until) {
      await mailbox.rest(this.#clock, until, signal);
      if (this.#clock.monotonic() < until) return "again";
    }
    this.#held = undefined;
    return "go";
  }

  #holdUntil(key: string, steps: readonly Step[]): Instant {
    this.#repeats = key === this.#last ? this.#repeats + 1 : 0;
    this.#last = key;
    const now = this.#clock.monotonic();
    const tries = Math.max(this.#repeats, ...steps.map(({ kind }) => this.#triesOf(kind)));
    return tries <= 2 ? now : after(now, millis(Math.min(100 * 2 ** (tries - 3), 5_000)));
  }

  #triesOf(kind: Step["kind"]): number {
    return Math.max(this.#failures.get(kind) ?? 0, kind === "run-sandbox" ? this.#sandboxes : 0);
  }

  failed({ kind }: Step): void {
    // A container has a hold of its own, which must not slow its neighbours down.
    if (kind !== "start-container") this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + 1);
  }

  succeeded({ kind }: Step): void {
    this.#failures.delete(kind);
    if (kind === "run-sandbox") this.#sandboxes++;
    if (kind === "start-container") this.#sandboxes = 0;
  }

  /** What made steps fail may be over. */
  forgive(): void {
    this.#failures.clear();
    this.#sandboxes = 0;
    this.#last = "";
    this.#held = undefined;
  }
}
