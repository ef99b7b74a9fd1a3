import { isDeepStrictEqual } from "node:util";
import { Life } from "../base/abort.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Ending } from "../model/ending.ts";
import type { Pod } from "../model/kubernetes.ts";
import { fullNameOf, isDeleted, isStatic, stopGraceOf, uidOf } from "../model/pod.ts";
import type { Clock } from "../ports/clock.ts";
import type { PodIntent } from "./intent.ts";
import { Mailbox } from "./mailbox.ts";

/** Grace for a pod of which nothing but its containers is known, and they do not tell. */
const ORPHAN_GRACE = millis(1_000);

export interface PodsDeps {
  readonly log: Log;
  /** Drives one pod to its end; see `workPod`. */
  readonly work: (mailbox: Mailbox, signal: AbortSignal) => Promise<void>;
  /** Called when nothing of a pod is left. */
  readonly onGone: (uid: string) => void;
  /** A worker ended by a bug: the process should end too. */
  readonly onBug: (error: unknown) => void;
  /** Grace in milliseconds that a runtime-only pod's containers ask for in their annotations. */
  readonly orphanGrace: (uid: string) => number | undefined;
  /** Full name of a runtime-only pod that was static, where the runtime tells it: nobody may take it before that pod is gone. */
  readonly orphanName: (uid: string) => string | undefined;
}

interface Entry {
  readonly mailbox: Mailbox;
  readonly fullName: string | undefined;
}

/**
 * Every pod of the node by UID: starts a worker for each, hands on intents. A UID that is still being cleaned up holds its successor back until
 * nothing of it is left, and so does the full name of a static pod: its next version is another pod under the same name.
 */
export class Pods {
  readonly #deps: PodsDeps;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<string, Entry>();
  readonly #wanted = new Map<string, Pod>();
  /** Endings of pods that wait for their name. */
  readonly #endings = new Map<string, Ending>();
  readonly #working = new Set<Promise<void>>();

  constructor(deps: PodsDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /**
   * Sets all that sources name on this node. What was named before and is not any more is stopped with its own grace; what the API server is to delete
   * is stopped too, and kept until the API server has let it go.
   */
  want(pods: readonly Pod[]): void {
    const wanted = new Map(pods.map((pod) => [uidOf(pod) as string, pod]));
    for (const [uid, pod] of this.#wanted) {
      if (wanted.has(uid)) continue;
      const stop = stopOf(pod);
      const entry = this.#entries.get(uid);
      if (entry) entry.mailbox.offer(stop);
      // It waited for its name. An earlier kubelet may have left something of it all the same.
      else if (!this.#signal.aborted) this.#start(uid, undefined, new Mailbox(stop));
    }
    for (const uid of this.#wanted.keys()) if (!wanted.has(uid)) this.#wanted.delete(uid);
    for (const uid of this.#endings.keys()) if (!wanted.has(uid)) this.#endings.delete(uid);
    for (const [uid, pod] of wanted) {
      if (isDeepStrictEqual(this.#wanted.get(uid), pod)) continue;
      this.#wanted.set(uid, pod);
      this.#entries.get(uid)?.mailbox.offer(intentOf(pod));
    }
    this.#startWaiting();
  }

  /**
   * Stops and removes what is on this node and has no worker, in the runtime and on disk: nobody wants it, or another pod was first to take its name, and
   * the two must not run side by side. Only to be called when every source has told its pods. Whoever comes with the same UID meanwhile waits until it is
   * gone.
   */
  stopOrphans(uids: readonly string[]): void {
    for (const uid of uids) {
      if (this.#entries.has(uid)) continue;
      const pod = this.#wanted.get(uid);
      if (pod) {
        this.#deps.log.info("Stopping what runs of a pod whose name another one has", { pod: fullNameOf(pod), uid });
        this.#start(uid, undefined, new Mailbox(stopOf(pod)));
        continue;
      }
      this.#deps.log.info("Removing a pod that no source knows any more", { uid });
      const grace = this.#deps.orphanGrace(uid);
      this.#start(
        uid,
        this.#deps.orphanName(uid),
        new Mailbox({ goal: "stop", uid, pod: undefined, grace: grace === undefined ? ORPHAN_GRACE : millis(grace) }),
      );
    }
  }

  /** The node itself ends the pod, whatever the sources want of it, as long as one names it. */
  end(uid: string, ending: Ending): void {
    const entry = this.#entries.get(uid);
    if (entry) entry.mailbox.end(ending);
    else if (this.#wanted.has(uid)) this.#endings.set(uid, ending);
  }

  ring(uid: string): void {
    this.#entries.get(uid)?.mailbox.ring();
  }

  ringAll(): void {
    for (const { mailbox } of this.#entries.values()) mailbox.ring();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** UIDs with a worker: those that run and those that are being cleaned up. */
  has(uid: string): boolean {
    return this.#entries.has(uid);
  }

  /**
   * Resolves when every worker has ended, after the signal aborted, or when they have had their time: one may hang in a dead mount. Correctness needs no
   * such end.
   */
  async settled(patience: Millis, clock: Pick<Clock, "sleep">): Promise<void> {
    const work = async () => {
      while (this.#working.size > 0) await Promise.allSettled(this.#working);
    };
    const late = () =>
      this.#deps.log.warn("Ending while something of pods hangs; the next kubelet goes on with them", {
        pods: this.#working.size,
      });
    await within(patience, clock, { work, late, signal: new AbortController().signal });
  }

  #startWaiting(): void {
    if (this.#signal.aborted) return;
    const taken = new Set([...this.#entries.values()].map(({ fullName }) => fullName));
    for (const [uid, pod] of this.#wanted) {
      const name = isStatic(pod) ? fullNameOf(pod) : undefined;
      if (this.#entries.has(uid) || (name !== undefined && taken.has(name))) continue;
      taken.add(name);
      this.#start(uid, name, new Mailbox(intentOf(pod)));
    }
  }

  /** Another pod of that name is on this node, and is not gone yet. */
  isNameHeld(fullName: string, uid: string): boolean {
    return [...this.#entries].some(([other, entry]) => other !== uid && entry.fullName === fullName);
  }

  #start(uid: string, fullName: string | undefined, mailbox: Mailbox): void {
    this.#entries.set(uid, { mailbox, fullName });
    const ending = this.#endings.get(uid);
    if (ending) mailbox.end(ending);
    this.#endings.delete(uid);
    const life = new Life(this.#signal);
    const work = this.#deps.work(mailbox, life.signal).then(
      () => {
        this.#entries.delete(uid);
        this.#deps.onGone(uid);
        this.#startWaiting();
      },
      (error) => {
        if (!this.#signal.aborted) this.#deps.onBug(error);
      },
    );
    this.#working.add(work);
    void work.finally(() => {
      life[Symbol.dispose]();
      this.#working.delete(work);
    });
  }
}

const intentOf = (pod: Pod): PodIntent =>
  isDeleted(pod) ? { ...stopOf(pod), keep: true } : { goal: "run", uid: uidOf(pod), pod };

const stopOf = (pod: Pod) => ({ goal: "stop", uid: uidOf(pod), pod, grace: stopGraceOf(pod) }) as const;
