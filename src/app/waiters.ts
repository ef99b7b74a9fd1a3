import { orAborted } from "../base/abort.ts";

/** Wakes up everybody who waits for news of one thing. News that nobody waits for are lost: look first, then wait. */
export class Waiters {
  readonly #waiting = new Map<string, { readonly promise: Promise<void>; readonly resolve: () => void }>();

  ring(key: string): void {
    this.#waiting.get(key)?.resolve();
    this.#waiting.delete(key);
  }

  /** Resolves at the next ring for `key`; rejects with `signal.reason`. */
  async wait(key: string, signal: AbortSignal): Promise<void> {
    const waiter = this.#waiting.get(key) ?? Promise.withResolvers<void>();
    this.#waiting.set(key, waiter);
    await orAborted(waiter.promise, signal);
  }
}
