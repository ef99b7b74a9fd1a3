import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createClock, releaseFreeMemory } from "../adapters/linux/index.ts";
import { type Millis, millis, seconds } from "../base/units.ts";

const LOOK: Millis = seconds(10);
/** Share of one core below which a collection (some 30 ms) is in nobody's way. */
const QUIET = 0.02;
/** Growth since the heap was last tidy that makes a collection worth it, bytes. */
const WORTH = 4 * 1024 * 1024;

export interface HeapLook {
  /** Processor time since the last look, and the time between the two. */
  readonly busy: Millis;
  readonly span: Millis;
  /** Bytes of V8's heap now. */
  readonly heap: number;
}

/** What is worth doing at each look. */
export class Tidying {
  /** Bytes of heap when it was last tidy. */
  #tidy = 0;
  #collected = false;

  /**
   * `collect` garbage once after a busy time; at the quiet look after it, when V8 has swept its pages and unmapped those that are empty, `release` what malloc
   * keeps for the next burst. Only then is the heap as small as it gets: measured right after the collection, all later growth would look small.
   */
  next({ busy, span, heap }: HeapLook): "collect" | "release" | undefined {
    const collected = this.#collected;
    this.#collected = false;
    // What happened meanwhile left garbage of its own.
    if (busy >= span * QUIET) return undefined;
    if (collected) {
      this.#tidy = heap;
      return "release";
    }
    this.#collected = heap > this.#tidy + WORTH;
    return this.#collected ? "collect" : undefined;
  }
}

/**
 * Gives memory back after a busy time, when it is quiet again: V8 collects when memory is asked for, and malloc keeps what was freed, so what a burst of pods
 * left behind would stay for as long as the node rests. Runs until the signal aborts, and rejects with its reason.
 */
export async function tidyHeap(signal: AbortSignal): Promise<never> {
  const clock = createClock();
  const tidying = new Tidying();
  let collect: (() => void) | undefined;
  let cpu = process.cpuUsage();
  let at = clock.monotonic();
  for (;;) {
    await clock.sleep(LOOK, signal);
    const spent = process.cpuUsage(cpu);
    const now = clock.monotonic();
    const busy = millis((spent.user + spent.system) / 1000);
    const heap = getHeapStatistics().total_heap_size;
    const worth = tidying.next({ busy, span: millis(now - at), heap });
    if (worth === "collect") {
      collect ??= garbageCollector();
      collect();
    } else if (worth === "release") await releaseFreeMemory();
    cpu = process.cpuUsage();
    at = clock.monotonic();
  }
}

/** V8's own, without a flag on the command line that would also show it to everything else. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
