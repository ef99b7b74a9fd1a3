import type { Chance } from "./chance.ts";

/** What goes wrong right now. One of these per world; the scenario turns it on and off. */
export class Faults {
  /** The runtime does not answer at all. */
  down = false;
  /** No event source connects. */
  deaf = false;
  /** Share of calls that fail, half of them after they took effect. */
  callFailures = 0;
  lostEvents = 0;
  repeatedEvents = 0;
  pullFailures = 0;
  /** Share of file, mount and cgroup operations that fail with EIO. */
  diskErrors = 0;
  /** Share of stops whose answer comes long after the process is gone. */
  lateStops = 0;
  diskFull = false;
  /** Pods whose runtime calls and mounts answer only at their deadline, with an error. */
  readonly hung = new Set<string>();
  /** Images on the node. */
  readonly images = new Set<string>();
  readonly #cut = new Set<() => void>();

  /** Connections to the runtime break: calls in flight get no answer, though they may take effect, and events stop. */
  cut(): void {
    for (const tell of [...this.#cut]) tell();
  }

  onCut(tell: () => void): Disposable {
    this.#cut.add(tell);
    return { [Symbol.dispose]: () => void this.#cut.delete(tell) };
  }

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

  /** The node is well but for what hangs: whoever does not depend on that must get on. */
  get areQuiet(): boolean {
    return !this.down && !this.diskFull && this.callFailures === 0 && this.diskErrors === 0;
  }

  /** The world behaves from now on. */
  stop(): void {
    this.down = false;
    this.deaf = false;
    this.callFailures = 0;
    this.lostEvents = 0;
    this.repeatedEvents = 0;
    this.pullFailures = 0;
    this.diskErrors = 0;
    this.lateStops = 0;
    this.diskFull = false;
    this.hung.clear();
  }
}
