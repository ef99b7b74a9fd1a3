import { Semaphore } from "../base/semaphore.ts";
import type { Millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/** Work that others should not have to wait behind: a few at a time, in order of arrival. What takes long lets the next one begin beside it. */
export class Turns {
  readonly #places: Semaphore;
  readonly #patience: Millis;
  readonly #clock: Clock;

  /** `patience`: after so long a piece of work waits for something, it does not work. */
  constructor(width: number, patience: Millis, clock: Clock) {
    this.#places = new Semaphore(width);
    this.#patience = patience;
    this.#clock = clock;
  }

  /** Rejects with what `work` threw, or with `signal.reason` when aborted before its turn. */
  async take<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    using place = await this.#places.take(signal);
    const ended = new AbortController();
    this.#clock.sleep(this.#patience, ended.signal).then(
      () => place[Symbol.dispose](),
      () => {},
    );
    try {
      return await work();
    } finally {
      ended.abort(new Error("done"));
    }
  }
}
