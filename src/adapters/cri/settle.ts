import { Bell } from "../../base/bell.ts";
import { millis } from "../../base/units.ts";
import type { RuntimeEvent } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";

/** First look after an exit, and how much longer each further one waits: containerd 1.6 needs 30 to 180 ms on two busy cores. */
const FIRST = 15;
const GROWTH = 1.4;
/** Told all the same after this long: the reader then sees what there is, and its sweep the rest. */
const PATIENCE = 3000;

/**
 * Holds each "stopped" back until the runtime's own answers agree with it.
 *
 * containerd tells everyone of an exit at once, its CRI part too, which then deletes the task and only after that changes its state:
 * measured on 1.6, a status read at the event always still said "running", and so did one at the later `/tasks/delete` event.
 *
 * What was not taken yet merges by kind and id, which bounds the memory. Ends or throws as `events` does.
 */
export async function* settled(
  events: AsyncIterable<RuntimeEvent>,
  agrees: (id: string) => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent, void, undefined> {
  const ready = new Map<string, RuntimeEvent>();
  const waiting = new Set<string>();
  const bell = new Bell();
  const over = new AbortController();
  const inside = AbortSignal.any([signal, over.signal]);
  let ended = false;

  const put = (event: RuntimeEvent) => {
    ready.set(`${event.kind} ${event.id}`, event);
    bell.ring();
  };
  const hold = async (event: RuntimeEvent) => {
    if (waiting.has(event.id)) return;
    waiting.add(event.id);
    const end = clock.monotonic() + PATIENCE;
    try {
      for (let pause = FIRST; clock.monotonic() < end; pause *= GROWTH) {
        await clock.sleep(millis(pause), inside);
        if (await agrees(event.id)) break;
      }
    } finally {
      waiting.delete(event.id);
    }
    put(event);
  };
  const pump = async () => {
    try {
      for await (const event of events) {
        // Aborted or not, a hold never fails: `agrees` does not throw.
        if (event.kind === "stopped") hold(event).catch(() => {});
        else put(event);
      }
    } finally {
      ended = true;
      bell.ring();
    }
  };

  const pumping = pump();
  pumping.catch(() => {});
  try {
    while (!ended) {
      await bell.wait(signal);
      for (const [key, event] of ready) {
        ready.delete(key);
        yield event;
      }
    }
    await pumping;
  } finally {
    over.abort();
  }
}
