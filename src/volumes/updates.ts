import { isDeepStrictEqual } from "node:util";
import { jittered } from "../base/backoff.ts";
import { Bell } from "../base/bell.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Instant, type Millis, millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { allContainersOf, isDeleted, uidOf, volumesOf } from "../model/pod.ts";
import { podSubject, podText } from "../model/subject.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import type { Volumes } from "./volumes.ts";

export interface VolumeUpdatesDeps {
  readonly volumes: Pick<Volumes, "refresh">;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly log: Log;
  /** A broken invariant: the process should end. */
  readonly onBug: (error: unknown) => void;
}

/** Upstream's first wait of a volume operation that failed, and its longest. */
const FIRST_RETRY = millis(500);
const LAST_RETRY = seconds(122);

interface Update {
  pod: Pod;
  readonly bell: Bell;
  readonly end: AbortController;
  working: boolean;
}

/**
 * Keeps the volumes of wanted pods in step with what they show: one loop per pod that has something to do, rings that come meanwhile are
 * merged, failures are tried again with back-off, and told as FailedMount when they last.
 *
 * Wiring: `want` whenever the set of admitted pods changes; `ring` when an object that a pod refers to changes, or a token is due.
 */
export class VolumeUpdates {
  readonly #deps: VolumeUpdatesDeps;
  readonly #signal: AbortSignal;
  readonly #updates = new Map<string, Update>();

  constructor(deps: VolumeUpdatesDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** All pods that may have volumes. Those whose labels, annotations or resources differ from before are brought up to date. */
  want(pods: readonly Pod[]): void {
    const wanted = new Map<string, Pod>(pods.filter(isFed).map((pod) => [uidOf(pod), pod]));
    for (const [uid, { end }] of this.#updates) {
      if (wanted.has(uid)) continue;
      end.abort(new Error("the pod is not wanted any more"));
      this.#updates.delete(uid);
    }
    for (const [uid, pod] of wanted) {
      const known = this.#updates.get(uid);
      if (!known) {
        this.#updates.set(uid, { pod, bell: new Bell(), end: new AbortController(), working: false });
        continue;
      }
      const before = known.pod;
      known.pod = pod;
      if (before !== pod && !isDeepStrictEqual(shownOf(before), shownOf(pod))) this.ring(uid);
    }
  }

  /** Something that this pod's volumes show may have changed. */
  ring(uid: string): void {
    const update = this.#updates.get(uid);
    if (!update || this.#signal.aborted) return;
    update.bell.ring();
    if (update.working) return;
    update.working = true;
    this.#work(uid, update, AbortSignal.any([this.#signal, update.end.signal])).catch((error: unknown) => {
      if (!this.#signal.aborted && !update.end.signal.aborted) this.#deps.onBug(error);
    });
  }

  get size(): number {
    return this.#updates.size;
  }

  /** Ends when all is up to date and nobody has rung since. */
  async #work(uid: string, update: Update, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#deps;
    let wait: Millis = FIRST_RETRY;
    let failingSince: Instant | undefined;
    // A ring is pending: it is what began this work, or came while it went on.
    while (update.bell.isRung) {
      await update.bell.wait(signal);
      const failure = await this.#tryRefresh(update.pod, signal);
      if (failure === undefined) {
        wait = FIRST_RETRY;
        failingSince = undefined;
        continue;
      }
      failingSince ??= clock.monotonic();
      if (clock.monotonic() - failingSince >= FIRST_RETRY) this.#tell(update.pod, failure);
      await this.#rest(update.bell, jittered(wait, random), signal);
      wait = millis(Math.min(wait * 2, LAST_RETRY));
      update.bell.ring();
      log.debug(4, "Trying to update volumes again", { uid });
    }
    // In the same turn as the last look at the bell: a ring that comes now begins new work.
    update.working = false;
  }

  async #tryRefresh(pod: Pod, signal: AbortSignal): Promise<KubeletError | undefined> {
    try {
      await this.#deps.volumes.refresh(pod, signal);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      return error;
    }
  }

  /** Whoever takes an application away deletes its objects and its pods in any order: a pod that goes misses nothing. */
  #tell(pod: Pod, failure: KubeletError): void {
    if (isDeleted(pod)) return;
    const { events, log } = this.#deps;
    log.error("Cannot bring volumes up to date", { pod: podText(pod), err: messageOf(failure) });
    events.record({ type: "Warning", reason: "FailedMount", message: failure.message, about: podSubject(pod) });
  }

  /** Ends early when rung. */
  async #rest(bell: Bell, span: Millis, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const either = AbortSignal.any([signal, enough.signal]);
    try {
      await Promise.race([bell.wait(either), this.#deps.clock.sleep(span, either)]);
    } finally {
      enough.abort(new Error("rested"));
    }
  }
}

/** Whether anything outside of the pod's directory decides what its volumes hold. */
const isFed = (pod: Pod): boolean =>
  volumesOf(pod).some(
    ({ configMap, secret, downwardAPI, projected }) => configMap ?? secret ?? downwardAPI ?? projected,
  );

/** What downward files can tell of a pod that changes during its life. */
const shownOf = (pod: Pod) => [
  pod.metadata?.labels ?? {},
  pod.metadata?.annotations ?? {},
  pod.spec?.resources ?? {},
  allContainersOf(pod).map(({ name, resources }) => [name, resources ?? {}]),
];
