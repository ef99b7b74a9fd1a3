/** Waiting for events of a stream: whoever asks before causing something gets what comes after. */

export class Waiters<E> {
  readonly #listeners = new Set<(event: E) => void>();

  tell(event: E): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Told of every event until it is disposed of. */
  listen(listener: (event: E) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** The first event from now on that is wanted. */
  async next(what: string, wanted: (event: E) => boolean, timeout = 60_000): Promise<E> {
    const [event] = await this.some(what, 1, wanted, timeout);
    if (event === undefined) throw new Error(`no event for ${what}`);
    return event;
  }

  /** The next `count` events that are wanted. `wanted` is asked once for each event, in order: it may count. */
  async some(what: string, count: number, wanted: (event: E) => boolean, timeout = 120_000): Promise<readonly E[]> {
    const found: E[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using _ = this.listen((event) => {
      if (found.length < count && wanted(event)) found.push(event);
      if (found.length >= count) resolve();
    });
    const timer = setTimeout(() => {
      reject(new Error(`waited ${timeout / 1000} s for ${what}: ${found.length} of ${count} seen`));
    }, timeout);
    try {
      await promise;
      return found;
    } finally {
      clearTimeout(timer);
    }
  }
}
