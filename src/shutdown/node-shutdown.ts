import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Ending } from "../model/ending.ts";
import type { Pod } from "../model/kubernetes.ts";
import { gracePeriodOf, uidOf } from "../model/pod.ts";
import { podText } from "../model/subject.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { Files } from "../ports/files.ts";
import type { Shutdowns, ShutdownWatch } from "../ports/shutdowns.ts";
import { type GroupGrace, groupPods, type PodGroup, totalOf } from "./groups.ts";
import { decodeTimes, encodeTimes, type ShutdownTimes, STATE_FILE } from "./times.ts";

export interface NodeShutdownOptions {
  /** See `gracesOf`; at least one. */
  readonly graces: readonly GroupGrace[];
  readonly rootDir: string;
  /** Upstream's gate GracefulNodeShutdownBasedOnPodPriority: start and end are kept in the state file, and told. */
  readonly keepsTimes: boolean;
}

export interface NodeShutdownDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
  readonly files: Pick<Files, "read" | "writeAtomic">;
  readonly shutdowns: Shutdowns;
  /** Pods that have not ended. */
  readonly pods: () => readonly Pod[];
  readonly end: (uid: string, ending: Ending) => void;
  /** Resolves when nothing of the pod runs and nothing of the node is held by it. */
  readonly released: (uid: string, signal: AbortSignal) => Promise<void>;
  /** `problem` and `rejection` say something else now. */
  readonly onChange: () => void;
  readonly onTimes: (times: ShutdownTimes) => void;
}

const ENDING = {
  reason: "Terminated",
  message: "Pod was terminated in response to imminent node shutdown.",
} as const;
const REJECTION = { reason: "NodeShutdown", message: "Pod was rejected as the node is shutting down." } as const;
const STATE_BYTES = 64 * 1024;
const AGAIN = seconds(1);
const LONGEST_PAUSE = seconds(60);
/** How logind is asked whether it has read the new configuration: 100 ms, doubling. */
const LOOKS = 6;
const FIRST_LOOK = millis(100);

/**
 * Holds a shutdown of the system up until the pods have stopped, lowest priority first, each group within its time.
 *
 *   listen, hold ──► begins ──► not ready, no new pods ──► group by group ──► let go
 *      ▲                                                                        │
 *      └───────────────── called off: ready again, pods may come ◄──────────────┘
 *
 * What was stopped stays so. https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2000-graceful-node-shutdown
 */
export class NodeShutdown {
  readonly #options: NodeShutdownOptions;
  readonly #deps: NodeShutdownDeps;
  #underWay = false;
  #complaint = "";

  constructor(options: NodeShutdownOptions, deps: NodeShutdownDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Why the node is not ready, in upstream's words; undefined: not for this. */
  get problem(): string | undefined {
    return this.#underWay ? "node is shutting down" : undefined;
  }

  /** Why no pod is taken in; undefined: pods are. */
  get rejection(): { readonly reason: string; readonly message: string } | undefined {
    return this.#underWay ? REJECTION : undefined;
  }

  /** Rejects with `signal.reason`, or with a bug. */
  async run(signal: AbortSignal): Promise<never> {
    const { clock, log } = this.#deps;
    await this.#tellLastTimes(signal);
    for (let pause: Millis = AGAIN; ; ) {
      try {
        using watch = await this.#deps.shutdowns.watch(signal);
        await this.#follow(watch, signal);
        log.warn("Lost the connection that tells of shutdowns, opening it again");
        pause = AGAIN;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof TypeError) throw error;
        const err = messageOf(error);
        if (err !== this.#complaint) log.error("Cannot watch for shutdowns of this machine, will try again", { err });
        this.#complaint = err;
      }
      await clock.sleep(pause, signal);
      pause = millis(Math.min(pause * 2, LONGEST_PAUSE));
    }
  }

  async #follow(watch: ShutdownWatch, signal: AbortSignal): Promise<void> {
    await this.#allowHold(watch, signal);
    using hold = new Hold(watch);
    // While a shutdown is under way already, logind lets nobody hold it: the first notice tells.
    let refusal: unknown;
    await hold.take(signal).catch((error: unknown) => {
      signal.throwIfAborted();
      refusal = error;
    });
    for await (const begins of watch.notices(signal)) {
      if (refusal !== undefined && !begins) throw refusal;
      refusal = undefined;
      this.#complaint = "";
      if (begins === this.#underWay) continue;
      this.#tell(begins);
      if (begins) {
        await this.#stopPods(signal);
        hold[Symbol.dispose]();
      } else await hold.take(signal);
    }
  }

  /** @throws Error where the system would not wait as long as the groups may take */
  async #allowHold(watch: ShutdownWatch, signal: AbortSignal): Promise<void> {
    const needed = totalOf(this.#options.graces);
    let allowed = await watch.longestHold(signal);
    if (allowed >= needed) return;
    await watch.allowHold(needed, signal);
    for (let look = 0; look < LOOKS; look++) {
      allowed = await watch.longestHold(signal);
      if (allowed >= needed) return;
      await this.#deps.clock.sleep(millis(FIRST_LOOK * 2 ** look), signal);
    }
    throw new Error(
      `logind waits ${allowed / 1000} s at most (InhibitDelayMaxSec) and the grace periods of a shutdown add up to ${needed / 1000} s; is another file after 99-kubelet.conf in logind.conf.d?`,
    );
  }

  #tell(begins: boolean): void {
    this.#underWay = begins;
    const message = `Shutdown manager detected shutdown ${begins ? "event" : "cancellation"}`;
    this.#deps.log.info(message);
    this.#deps.events.record({ type: "Normal", reason: "Shutdown", message, about: { kind: "node" } });
    this.#deps.onChange();
  }

  async #stopPods(signal: AbortSignal): Promise<void> {
    const startedAt = this.#deps.clock.wall().getTime();
    await this.#keepTimes({ startedAt, endedAt: undefined }, signal);
    for (const group of groupPods(this.#options.graces, this.#deps.pods()))
      if (group.pods.length > 0) await this.#stopGroup(group, signal);
    await this.#keepTimes({ startedAt, endedAt: this.#deps.clock.wall().getTime() }, signal);
  }

  async #stopGroup({ pods, grace, priority }: PodGroup, signal: AbortSignal): Promise<void> {
    const { clock, log, end, released } = this.#deps;
    log.info("Stopping pods for the shutdown", { priority, graceMs: grace, pods: pods.map(podText) });
    for (const pod of pods)
      end(uidOf(pod), { ...ENDING, disruption: ENDING.message, grace: millis(Math.min(grace, gracePeriodOf(pod))) });
    const left = new Set(pods);
    await within(grace, clock, {
      work: async (life) => {
        await Promise.all(pods.map((pod) => released(uidOf(pod), life).then(() => left.delete(pod))));
      },
      late: () => log.warn("Pods did not stop in time for the shutdown", { priority, pods: [...left].map(podText) }),
      signal,
    });
  }

  async #tellLastTimes(signal: AbortSignal): Promise<void> {
    if (!this.#options.keepsTimes) return;
    await this.#tryFile("read when this node was last shut down", signal, async () => {
      const content = await this.#deps.files.read(this.#stateFile, STATE_BYTES);
      const times = content && decodeTimes(new TextDecoder().decode(content));
      if (times) this.#deps.onTimes(times);
    });
  }

  async #keepTimes(times: ShutdownTimes, signal: AbortSignal): Promise<void> {
    if (!this.#options.keepsTimes) return;
    this.#deps.onTimes(times);
    await this.#tryFile("keep when this node was shut down", signal, () =>
      this.#deps.files.writeAtomic(this.#stateFile, encodeTimes(times), 0o644),
    );
  }

  /** Pods are stopped whatever becomes of the file. */
  async #tryFile(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      this.#deps.log.error(`Cannot ${what}`, { path: this.#stateFile, err: messageOf(error) });
    }
  }

  get #stateFile(): string {
    return `${this.#options.rootDir}/${STATE_FILE}`;
  }
}

/** At most one hold at a time. */
class Hold implements Disposable {
  readonly #watch: ShutdownWatch;
  #held: Disposable | undefined;

  constructor(watch: ShutdownWatch) {
    this.#watch = watch;
  }

  async take(signal: AbortSignal): Promise<void> {
    const next = await this.#watch.hold(signal);
    this[Symbol.dispose]();
    this.#held = next;
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
    this.#held = undefined;
  }
}
