/** One wake-up bit. Rings that come before anyone waits are kept and merge into one. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  /** A ring came that nobody has taken yet. */
  get isRung(): boolean {
    return this.#rung;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or at once if one is pending, and takes it; rejects with `signal.reason` on abort. One waiter at a time. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => reject(signal.reason);
      this.#wake = resolve;
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        await promise;
      } finally {
        this.#wake = undefined;
        signal.removeEventListener("abort", onAbort);
      }
    }
    this.#rung = false;
  }
}
