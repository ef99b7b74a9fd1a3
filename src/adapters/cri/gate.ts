import { millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { adaptLimit, type Limit } from "./limit.ts";

/**
 * A call that has run this long waits for something (a network plugin, a lock), it does not work: its place goes to the next one,
 * or a few pods that hang would hold up all others.
 */
const STUCK_AFTER = millis(10_000);

interface Waiter {
  readonly enter: () => void;
}

/** Lets heavy calls through in order of arrival, as many at once as the adaptive limit says. */
export class Gate {
  readonly #clock: Clock;
  readonly #queue: Waiter[] = [];
  #limit: Limit;
  #inFlight = 0;

  constructor(limit: Limit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Runs `work` when there is room; rejects with `signal.reason` when aborted before. */
  async pass<T>(call: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    const inFlight = this.#inFlight;
    const started = this.#clock.monotonic();
    const ended = new AbortController();
    let inside = true;
    const leave = () => {
      if (inside) this.#leave();
      inside = false;
    };
    this.#clock.sleep(STUCK_AFTER, ended.signal).then(leave, () => {});
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      ended.abort();
      const latency = this.#clock.monotonic() - started;
      if (inside) this.#limit = adaptLimit(this.#limit, { call, latency, inFlight, failed });
      leave();
    }
  }

  /** For the debug page and tests. */
  get load(): { readonly limit: number; readonly inFlight: number; readonly waiting: number } {
    return { limit: this.#limit.value, inFlight: this.#inFlight, waiting: this.#queue.length };
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#queue.length === 0 && this.#hasRoom()) {
      this.#inFlight++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { enter: resolve };
    const onAbort = () => {
      const place = this.#queue.indexOf(waiter);
      // Not in the queue any more: it was let in, and goes on to a call that sees the same signal.
      if (place < 0) return;
      this.#queue.splice(place, 1);
      reject(signal.reason);
    };
    this.#queue.push(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #leave(): void {
    this.#inFlight--;
    while (this.#hasRoom()) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#inFlight++;
      next.enter();
    }
  }

  #hasRoom(): boolean {
    return this.#inFlight < Math.floor(this.#limit.value);
  }
}
