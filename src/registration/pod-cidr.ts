import { Bell } from "../base/bell.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import { Pace } from "../kube/index.ts";
import type { Node } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

export interface PodCidrDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Gives the range ("10.244.1.0/24", or one per family with a comma between) to whatever makes the pods' network. */
  readonly use: (podCidrs: string, signal: AbortSignal) => Promise<void>;
  /** The range is in use now: the runtime's network may be ready. */
  readonly onUsed: () => void;
}

const CURVE = { first: seconds(1), longest: seconds(60) };

/** Hands the range of pod addresses on that the cluster gave this Node, each new one once. */
export class PodCidrKeeper {
  readonly #deps: PodCidrDeps;
  readonly #bell = new Bell();
  #wanted = "";
  #used = "";

  constructor(deps: PodCidrDeps) {
    this.#deps = deps;
  }

  /** "" until a range is in use. */
  get used(): string {
    return this.#used;
  }

  saw(node: Node): void {
    const { podCIDR, podCIDRs = [] } = node.spec ?? {};
    const range = podCIDRs.length > 0 ? podCIDRs.join(",") : (podCIDR ?? "");
    // A Node that was made anew has none for a moment: pods keep their addresses meanwhile.
    if (range === "" || range === this.#wanted) return;
    this.#wanted = range;
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<never> {
    const { clock, log, use, onUsed } = this.#deps;
    for (;;) {
      await this.#bell.wait(signal);
      const pace = new Pace(this.#deps, CURVE);
      while (this.#used !== this.#wanted) {
        const range = this.#wanted;
        try {
          await use(range, signal);
          log.info("Pods get addresses of the Node's podCIDR", { podCIDR: range, before: this.#used });
          this.#used = range;
          onUsed();
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof KubeletError)) throw error;
          log.warn("Cannot hand the Node's podCIDR on, will try again", { podCIDR: range, err: messageOf(error) });
          await clock.sleep(millis(pace.next(error)), signal);
        }
      }
    }
  }
}
