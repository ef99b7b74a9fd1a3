import { Life } from "./abort.ts";
import type { Millis } from "./units.ts";

/**
 * What `work` gives, or what `late` gives (or throws) when that takes longer than `span`. The signal that the work gets aborts when it is
 * too late, when `signal` does, and when all is over; work that does not heed it is left behind. Rejects with `signal.reason` on abort.
 */
export async function within<T>(
  span: Millis,
  clock: { sleep(span: Millis, signal: AbortSignal): Promise<void> },
  { work, late, signal }: { work(signal: AbortSignal): Promise<T>; late(): T; signal: AbortSignal },
): Promise<T> {
  signal.throwIfAborted();
  using life = new Life(signal);
  const timeout = clock.sleep(span, life.signal).then(late);
  const result = work(life.signal);
  timeout.catch(() => {});
  result.catch(() => {});
  try {
    return await Promise.race([result, timeout]);
  } finally {
    life.abort();
  }
}
