import { type Instant, instant, type Millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  /** undefined: cancelled. It stays in the heap and is passed over when its time comes. */
  fire: (() => void) | undefined;
}

/** Begin of simulated wall time, so that dates look like dates. */
const EPOCH = Date.UTC(2026, 0, 1);

/**
 * Time that moves only when everything that can run has run: a heap of timers, fired in order of time, then of being set.
 * One scheduler drives the whole world, so one seed gives one run.
 */
export class VirtualTime {
  #now = 0;
  #order = 0;
  readonly #heap: Timer[] = [];
  /** Wall clock minus monotonic clock, changed by clock jumps. */
  #wallShift = 0;
  #jumpedAt = Number.NEGATIVE_INFINITY;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return EPOCH + this.#now + this.#wallShift;
  }

  /** When the wall clock last jumped, virtual ms. */
  get jumpedAt(): number {
    return this.#jumpedAt;
  }

  jumpWall(millis: number): void {
    this.#wallShift += millis;
    this.#jumpedAt = this.#now;
  }

  at(delay: number, fire: () => void): Timer {
    const timer: Timer = { at: this.#now + Math.max(0, delay), order: this.#order++, fire };
    this.#push(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    timer.fire = undefined;
  }

  /** Runs until virtual time `end`, or until nothing is left to fire. `afterStep` is called when all that a timer led to has run. */
  async runUntil(end: number, afterStep: () => void): Promise<void> {
    await settle();
    for (;;) {
      const next = this.#heap[0];
      if (!next || next.at > end) break;
      this.#pop();
      if (!next.fire) continue;
      this.#now = next.at;
      next.fire();
      await settle();
      afterStep();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** The clock of one process: when `life` ends, its timers never fire any more. */
  clock(life: AbortSignal): Clock {
    return {
      monotonic: (): Instant => instant(this.#now),
      wall: () => new Date(this.wall()),
      sleep: (span: Millis, signal: AbortSignal) => this.sleep(span, signal, life),
    };
  }

  /** Rejects with `signal.reason` on abort; never settles once `life` has ended. */
  sleep(span: number, signal: AbortSignal, life?: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.at(span, () => {
      signal.removeEventListener("abort", onAbort);
      if (!life?.aborted) resolve();
    });
    const onAbort = () => {
      this.cancel(timer);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return promise;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let place = heap.push(timer) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (!above || !isBefore(timer, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const right = heap[child + 1];
      const left = heap[child];
      if (!left) break;
      if (right && isBefore(right, left)) child++;
      const smaller = heap[child];
      if (!smaller || !isBefore(smaller, last)) break;
      heap[place] = smaller;
      place = child;
    }
    heap[place] = last;
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Lets every promise reaction that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
