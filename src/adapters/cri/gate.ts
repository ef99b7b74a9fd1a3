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

export interface Heaviness {
  readonly rank: Rank;
  /** Of the limit's places. Half a one for calls that wait more than they compute. */
  readonly places: 0.5 | 1;
}

/** Ends an alarm. Made once: an error without a stack of its own costs nothing each time. */
const DONE = new Error("The call is over");

const USUAL: Heaviness = { rank: "first", places: 1 };

interface Waiter {
  readonly weight: Heaviness;
  readonly enter: () => void;
}

/** Lets heavy calls through, as many at once as the adaptive limit says: in order of arrival, those of rank "last" after all others. */
export class Gate {
  readonly #clock: Clock;
  readonly #queues: Readonly<Record<Rank, Waiter[]>> = { first: [], last: [] };
  #limit: Limit;
  /** Places taken. */
  #inFlight = 0;
  /** Of those, by calls of rank "last". */
  #lastInFlight = 0;

  constructor(limit: Limit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Runs `work` when there is room; rejects with `signal.reason` when aborted before. */
  async pass<T>(call: string, work: () => Promise<T>, signal: AbortSignal, weight: Heaviness = USUAL): Promise<T> {
    await this.#enter(weight, signal);
    const inFlight = this.#inFlight;
    const started = this.#clock.monotonic();
    const ended = new AbortController();
    let inside = true;
    const leave = () => {
      if (inside) this.#leave(weight);
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

  async #enter(weight: Heaviness, signal: AbortSignal): Promise<void> {
    const { rank, places } = weight;
    signal.throwIfAborted();
    if (this.#queues.first.length === 0 && this.#hasRoom(weight)) {
      this.#count(rank, places);
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      weight,
      enter: () => {
        this.#count(rank, places);
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

  #leave({ rank, places }: Heaviness): void {
    this.#count(rank, -places);
    this.#admit();
  }

  #admit(): void {
    for (;;) {
      const queue = this.#queues.first.length > 0 ? this.#queues.first : this.#queues.last;
      const [next] = queue;
      if (!next || !this.#hasRoom(next.weight)) return;
      queue.shift();
      next.enter();
    }
  }

  #count(rank: Rank, places: number): void {
    this.#inFlight += places;
    if (rank === "last") this.#lastInFlight += places;
  }

  /** Half of it is enough for those that can wait: whoever comes then finds the other half. */
  #hasRoom({ rank, places }: Heaviness): boolean {
    const limit = Math.floor(this.#limit.value);
    const isIn = this.#inFlight + places <= limit;
    return isIn && (rank === "first" || this.#lastInFlight + places <= Math.ceil(limit / 2));
  }
}

function remove<T>(items: T[], item: T): boolean {
  const place = items.indexOf(item);
  if (place >= 0) items.splice(place, 1);
  return place >= 0;
}
