/** The promise's outcome, or the signal's reason if that comes first. What is not waited for any more goes on by itself. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Rejects with the signal's reason when it aborts: for a loop that has nothing to do. */
export const untilAborted = (signal: AbortSignal): Promise<never> => orAborted(new Promise<never>(() => {}), signal);

/**
 * Aborts when `parent` does, or by itself; to be disposed of when its work is over. For whoever waits often: to wait costs as much as the signal has listeners,
 * and those of the whole kubelet's are everybody's.
 */
export class Life extends AbortController implements Disposable {
  readonly #parent: AbortSignal;
  readonly #end = () => this.abort(this.#parent.reason);

  constructor(parent: AbortSignal) {
    super();
    this.#parent = parent;
    if (parent.aborted) this.#end();
    else parent.addEventListener("abort", this.#end, { once: true });
  }

  [Symbol.dispose](): void {
    this.#parent.removeEventListener("abort", this.#end);
  }
}
