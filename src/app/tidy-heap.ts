import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createClock } from "../adapters/linux/index.ts";
import { type Millis, millis, seconds } from "../base/units.ts";

const LOOK: Millis = seconds(10);
/** Share of one core below which a collection (some 30 ms) is in nobody's way. */
const QUIET = 0.02;
/** Growth since the last collection that makes one worth it, bytes. */
const WORTH = 4 * 1024 * 1024;

export interface HeapLook {
  /** Processor time since the last look, and the time between the two. */
  readonly busy: Millis;
  readonly span: Millis;
  /** Bytes of heap now, and right after the last collection (0 before the first). */
  readonly heap: number;
  readonly heapBefore: number;
}

/** Whether now is the time to give memory back. */
export const isTimeToTidy = ({ busy, span, heap, heapBefore }: HeapLook): boolean =>
  busy < span * QUIET && heap > heapBefore + WORTH;

/**
 * Collects garbage once after a busy time, when it is quiet again: V8 collects when memory is asked for, so what a burst of pods left behind would stay for as
 * long as the node rests. Runs until the signal aborts, and rejects with its reason.
 */
export async function tidyHeap(signal: AbortSignal): Promise<never> {
  const clock = createClock();
  let collect: (() => void) | undefined;
  let heapBefore = 0;
  let cpu = process.cpuUsage();
  let at = clock.monotonic();
  for (;;) {
    await clock.sleep(LOOK, signal);
    const spent = process.cpuUsage(cpu);
    const now = clock.monotonic();
    const busy = millis((spent.user + spent.system) / 1000);
    const heap = getHeapStatistics().total_heap_size;
    if (isTimeToTidy({ busy, span: millis(now - at), heap, heapBefore })) {
      collect ??= garbageCollector();
      collect();
      heapBefore = getHeapStatistics().total_heap_size;
    }
    cpu = process.cpuUsage();
    at = clock.monotonic();
  }
}

/** V8's own, without a flag on the command line that would also show it to everything else. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
