import { millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { adaptLimit, type Limit } from "./limit.ts";

/**
 * A call that has run this long waits for something (a network plugin, a lock), it does not work: its place goes to the next one,
 * or a few pods that hang would hold up all others.
 */
const STUCK_AFTER = millis(10_000);
/** After this long, a call that gives way to all others does so no more. */
const OVERDUE_AFTER = millis(5_000);

/** "first": somebody waits for it. "last": clean-up, which may be done when nothing else is to do. */
export type Rank = "first" | "last";

/** Ends an alarm. Made once: an error without a stack of its own costs nothing each time. */
const DONE = new Error("The call is over");

interface Waiter {
  readonly enter: () => void;
}

/** Lets heavy calls through, as many at once as the adaptive limit says: in order of arrival, those of rank "last" after all others. */
export class Gate {
  readonly #clock: Clock;
  readonly #queues: Readonly<Record<Rank, Waiter[]>> = { first: [], last: [] };
  #limit: Limit;
  #inFlight = 0;
  /** Of those, how many are of rank "last". */
  #lastInFlight = 0;

  constructor(limit: Limit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Runs `work` when there is room; rejects with `signal.reason` when aborted before. */
  async pass<T>(call: string, work: () => Promise<T>, signal: AbortSignal, rank: Rank = "first"): Promise<T> {
    await this.#enter(rank, signal);
    const inFlight = this.#inFlight;
    const started = this.#clock.monotonic();
    const ended = new AbortController();
    let inside = true;
    const leave = () => {
      if (inside) this.#leave(rank);
      inside = false;
    };
    this.#clock.sleep(STUCK_AFTER, ended.signal).then(leave, () => {});
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      ended.abort(DONE);
      const latency = this.#clock.monotonic() - started;
      if (inside) this.#limit = adaptLimit(this.#limit, { call, latency, inFlight, failed });
      leave();
    }
  }

  /** For the debug page and tests. */
  get load(): { readonly limit: number; readonly inFlight: number; readonly waiting: number } {
    const { first, last } = this.#queues;
    return { limit: this.#limit.value, inFlight: this.#inFlight, waiting: first.length + last.length };
  }

  async #enter(rank: Rank, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#queues.first.length === 0 && this.#hasRoom(rank)) {
      this.#count(rank, 1);
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      enter: () => {
        this.#count(rank, 1);
        resolve();
      },
    };
    // Not in a queue any more: it was let in, and goes on to a call that sees the same signal.
    const withdraw = () => Object.values(this.#queues).some((queue) => remove(queue, waiter));
    const turn = new AbortController();
    const onAbort = () => {
      if (withdraw()) reject(signal.reason);
    };
    this.#queues[rank].push(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    if (rank === "last") {
      const promote = () => {
        if (!withdraw()) return;
        this.#queues.first.push(waiter);
        this.#admit();
      };
      this.#clock.sleep(OVERDUE_AFTER, turn.signal).then(promote, () => {});
    }
    try {
      await promise;
    } finally {
      turn.abort(DONE);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #leave(rank: Rank): void {
    this.#count(rank, -1);
    this.#admit();
  }

  #admit(): void {
    for (;;) {
      const rank: Rank = this.#queues.first.length > 0 ? "first" : "last";
      const next = this.#hasRoom(rank) ? this.#queues[rank].shift() : undefined;
      if (!next) return;
      next.enter();
    }
  }

  #count(rank: Rank, change: 1 | -1): void {
    this.#inFlight += change;
    if (rank === "last") this.#lastInFlight += change;
  }

  /** Half of it is enough for those that can wait: whoever comes then finds the other half. */
  #hasRoom(rank: Rank): boolean {
    const limit = Math.floor(this.#limit.value);
    return this.#inFlight < limit && (rank === "first" || this.#lastInFlight < Math.ceil(limit / 2));
  }
}

function remove<T>(items: T[], item: T): boolean {
  const place = items.indexOf(item);
  if (place >= 0) items.splice(place, 1);
  return place >= 0;
}
