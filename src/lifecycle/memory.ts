import { type BackoffCurve, BackoffTable } from "../base/backoff.ts";
import { goDuration } from "../base/go-duration.ts";
import { after, type Instant, instant, millis } from "../base/units.ts";
import type { Imposed } from "../model/ending.ts";
import type { Container } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import { newestOf } from "./seen.ts";
import type { Hold, Waiting } from "./step.ts";

const CRASH_LOOP = "CrashLoopBackOff";

/**
 * What one worker remembers of its pod beside what can be seen: all of it may be lost at any time (kill -9), the pod then only
 * restarts a crashing container sooner than it would have.
 */
export class Memory {
  readonly volumes = new Map<string, string>();
  prepared = false;
  /** Cgroup and volumes were taken down: the pod runs no more. */
  released = false;
  ended = false;
  /** Why the node itself ended the pod. */
  imposed: Imposed | undefined;
  /** Containers stopped in order to start again, and when that was, ms since the epoch. */
  readonly #restarting = new Map<string, number>();
  /** Sandboxes that were stopped to the end. */
  readonly stopped = new Set<string>();
  /** Containers that could not be stopped: how often, and when their grace is over. */
  readonly #refusals = new Map<string, { readonly tries: number; readonly due: Instant }>();
  /** Container name -> restart count to begin with, by the logs that were there before. */
  readonly attempts = new Map<string, number>();
  /** Container name -> the highest restart count that was seen. */
  readonly #counts = new Map<string, number>();
  /** Container name -> what the last try to start it ended with. */
  readonly failures = new Map<string, Hold>();
  /** Of what the pod refers to, as of the failures that are remembered. */
  #revision = 0;
  /** Container name -> id of the instance whose end is waited out, or was. */
  readonly #heldBack = new Map<string, string>();
  readonly #crashes: BackoffTable;
  readonly #clock: Clock;

  constructor(clock: Clock, curve: BackoffCurve) {
    this.#clock = clock;
    this.#crashes = new BackoffTable(curve);
  }

  /** Why and until when a container may not start. `finishedAt`: when its last instance ended, ms since the epoch. */
  hold(container: Container, finishedAt: number | undefined, podName: string): Hold | undefined {
    const failure = this.failures.get(container.name);
    // What was made and could not be started has ended, too: it waits as what crashes does.
    const hasEnded = finishedAt !== undefined && failure?.reason === "RunContainerError";
    if (failure && !hasEnded && failure.until > this.#clock.monotonic()) return failure;
    if (finishedAt === undefined) return undefined;
    const now = this.#clock.wall().getTime();
    const end = this.#crashes.blockedSinceEvent(keyOf(container), finishedAt, now);
    if (end === undefined) return undefined;
    return {
      until: after(this.#clock.monotonic(), millis(end - now)),
      reason: CRASH_LOOP,
      message: `back-off ${goDuration(this.#crashes.current(keyOf(container)))} restarting failed container=${container.name} pod=${podName}`,
    };
  }

  /** Containers that have to wait since they ended, each told once. */
  newBackoffs(waiting: ReadonlyMap<string, Waiting>, seen: PodSnapshot | undefined): readonly string[] {
    const fresh: string[] = [];
    for (const [name, { reason }] of waiting) {
      const ended = newestOf(seen, name)?.id;
      if (reason !== CRASH_LOOP || ended === undefined || this.#heldBack.get(name) === ended) continue;
      this.#heldBack.set(name, ended);
      fresh.push(name);
    }
    return fresh;
  }

  get restarting(): ReadonlySet<string> {
    return new Set(this.#restarting.keys());
  }

  stopToRestart(id: string): void {
    this.#restarting.set(id, this.#clock.wall().getTime());
  }

  /** The runtime failed to stop a container whose time is over at `due`. */
  stopFailed(id: string, due: Instant): void {
    const before = this.#refusals.get(id) ?? { tries: 0, due };
    this.#refusals.set(id, { tries: before.tries + 1, due: instant(Math.min(before.due, due)) });
  }

  /** Containers that the runtime failed to stop more than once, and whose time is over. */
  get unstoppable(): ReadonlySet<string> {
    const now = this.#clock.monotonic();
    const given = [...this.#refusals].filter(([, { tries, due }]) => tries > 1 && due <= now);
    return new Set(given.map(([id]) => id));
  }

  /** Restart count to begin with where the runtime has no instance: it goes on from one that was removed, as with the sandbox of an init container. */
  firstAttempt(name: string): number {
    return Math.max(this.attempts.get(name) ?? 0, (this.#counts.get(name) ?? -1) + 1);
  }

  /** Takes note of restart counts. Forgets containers that are gone, and that one was to restart which had ended by itself before: its policy decides then. */
  keepOnly(seen: PodSnapshot | undefined): void {
    for (const { name, attempt } of seen?.containers ?? [])
      this.#counts.set(name, Math.max(this.#counts.get(name) ?? 0, attempt));
    for (const [id, askedAt] of this.#restarting) {
      const one = seen?.containers.find((container) => container.id === id);
      if (!one || (one.state === "exited" && one.finishedAt && one.finishedAt < askedAt)) this.#restarting.delete(id);
    }
    for (const id of this.#refusals.keys())
      if (!seen?.containers.some((container) => container.id === id)) this.#refusals.delete(id);
  }

  /** Counts a restart: the next one has to wait longer. */
  advance(container: Container, finishedAt: number): void {
    this.#crashes.next(keyOf(container), finishedAt, this.#clock.wall().getTime());
  }

  /** Takes note of a change of what the pod refers to: containers that could not be configured may be now. Returns whether it is one. */
  renew(revision: number): boolean {
    if (revision === this.#revision) return false;
    this.#revision = revision;
    for (const [name, { reason }] of this.failures)
      if (reason === "CreateContainerConfigError") this.failures.delete(name);
    return true;
  }

  fail(name: string, waiting: Waiting, retryAt: Instant): void {
    this.failures.set(name, { ...waiting, until: retryAt });
  }
}

/** A changed image or other resources begin with a fresh back-off, as upstream's. */
const keyOf = (container: Container): string =>
  JSON.stringify([container.name, container.image, container.resources ?? null]);
