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
