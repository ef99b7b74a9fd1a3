import { Bell } from "../base/bell.ts";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { type LeftoverDeps, type Pods, removeDeadLinks, uidsOnDisk } from "../lifecycle/index.ts";
import type { Observer } from "../observe/index.ts";
import type { Clock } from "../ports/clock.ts";
import { sourceOfOrphan } from "./orphans.ts";
import type { Wanted } from "./wanted.ts";

const RETRY = seconds(30);

export interface LeftoversDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly disk: LeftoverDeps;
  readonly observer: Pick<Observer, "uids" | "snapshot" | "isHidden">;
  readonly pods: Pick<Pods, "has" | "stopOrphans">;
  readonly wanted: Pick<Wanted, "allSeen" | "incomplete">;
}

/** Removes what is on the node and nobody wants, when every source has spoken. Later removals are the workers' own, but for what comes late. */
export class Leftovers {
  readonly #deps: LeftoversDeps;
  readonly #bell = new Bell();
  /** What nobody wants was looked for once, with all sources complete. */
  #swept = false;
  /** Pods nobody wants, left until it is known what the runtime has of them. */
  readonly #later = new Set<string>();

  constructor(deps: LeftoversDeps) {
    this.#deps = deps;
  }

  /** Something of this pod was seen. It may have come of a call that was thought lost, after its pod was gone. */
  saw(uid: string): void {
    const { observer, pods } = this.#deps;
    const isLate = this.#swept && observer.snapshot(uid) && !pods.has(uid);
    if (this.#later.delete(uid) || isLate) this.#bell.ring();
  }

  /** A source spoke. One that could not tell all its pods holds its part of the sweep back until it can. */
  sourceSpoke(): void {
    const { wanted } = this.#deps;
    if (!wanted.allSeen || (this.#swept && wanted.incomplete.size === 0)) return;
    this.#swept = wanted.incomplete.size === 0;
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<never> {
    const { clock, log } = this.#deps;
    for (;;) {
      await this.#bell.wait(signal);
      try {
        await this.#remove();
      } catch (error) {
        signal.throwIfAborted();
        log.error("Cannot remove what pods left behind, will try again", { err: messageOf(error) });
        await clock.sleep(RETRY, signal);
        this.#bell.ring();
      }
    }
  }

  async #remove(): Promise<void> {
    const { observer, pods, wanted, disk } = this.#deps;
    const everything = [...new Set([...observer.uids(), ...(await uidsOnDisk(disk))])];
    const { incomplete } = wanted;
    const mayBeWanted = (uid: string) => {
      const source = sourceOfOrphan(observer.snapshot(uid));
      return incomplete.size > 0 && (source === undefined || incomplete.has(source));
    };
    // How long a pod may take to stop stands on its containers.
    const hidden = new Set(everything.filter((uid) => observer.isHidden(uid) && !pods.has(uid)));
    for (const uid of hidden) this.#later.add(uid);
    pods.stopOrphans(everything.filter((uid) => !hidden.has(uid) && !mayBeWanted(uid)));
    await removeDeadLinks(disk);
  }
}
