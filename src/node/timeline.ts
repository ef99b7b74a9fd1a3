import type { Clock } from "../ports/clock.ts";
import type { TimelineEntry } from "./view.ts";

interface Moment {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** Enough to see how a pod came up and its last few restarts. */
const MAX_PER_POD = 60;

/** What happened to each pod, in plain words, as a person would tell it. Bounded: the oldest of a pod goes first, a pod that is gone takes all with it. */
export class Timeline {
  readonly #clock: Clock;
  readonly #pods = new Map<string, Moment[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `at`: when it happened, if that was not now; ms since the epoch. */
  add(uid: string, text: string, at = this.#clock.wall().getTime()): void {
    const moments = this.#pods.get(uid) ?? [];
    this.#pods.set(uid, moments);
    moments.push({ at, text });
    if (moments.length > MAX_PER_POD) moments.shift();
  }

  /** Oldest first. */
  ofPod(uid: string): readonly TimelineEntry[] {
    return (this.#pods.get(uid) ?? [])
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, text }) => ({ at: new Date(at).toISOString(), text }));
  }

  has(uid: string): boolean {
    return this.#pods.has(uid);
  }

  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  get size(): number {
    return this.#pods.size;
  }
}
