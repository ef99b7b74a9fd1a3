import type { Chance } from "./chance.ts";

/** What goes wrong right now. One of these per world; the scenario turns it on and off. */
export class Faults {
  /** The runtime does not answer at all. */
  down = false;
  /** Share of calls that fail, half of them after they took effect. */
  callFailures = 0;
  lostEvents = 0;
  repeatedEvents = 0;
  pullFailures = 0;
  diskFull = false;
  /** Images on the node. */
  readonly images = new Set<string>();

  strike(chance: Chance): "before" | "after" | undefined {
    if (!chance.happens(this.callFailures)) return undefined;
    return chance.happens(0.5) ? "before" : "after";
  }

  eventCopies(chance: Chance): number {
    if (chance.happens(this.lostEvents)) return 0;
    return chance.happens(this.repeatedEvents) ? 2 : 1;
  }

  /** Late, so also reordered. */
  eventDelay(chance: Chance): number {
    return chance.happens(0.1) ? chance.between(0, 3_000) : chance.between(0, 10);
  }

  pullFails(chance: Chance): boolean {
    return chance.happens(this.pullFailures);
  }

  /** The world behaves from now on. */
  stop(): void {
    this.down = false;
    this.callFailures = 0;
    this.lostEvents = 0;
    this.repeatedEvents = 0;
    this.pullFailures = 0;
    this.diskFull = false;
  }
}
