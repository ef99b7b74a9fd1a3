import { Bell } from "../../base/bell.ts";
import { millis } from "../../base/units.ts";
import type { ContainerExit, RuntimeEvent } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";

/** First look after an exit, should nobody tell that the task is deleted, and how much longer each further one waits. Each look costs a call. */
const FIRST = 250;
const GROWTH = 2;
/** The same once the task is deleted: what is left to the runtime then is to write its new state down. */
const FIRST_AFTER_DELETION = 20;
/** Told all the same after this long: the reader then sees what there is, and its sweep the rest. */
const PATIENCE = 3000;

/** The runtime has deleted the task of a container that stopped before: it is about to agree. Goes no further than `settled`. */
export interface TaskDeleted {
  readonly kind: "task deleted";
  readonly id: string;
}

/**
 * Tells of each exit at once, and of a "stopped" when the runtime's own answers agree with it.
 *
 * containerd tells everyone of an exit at once, its CRI part too, which then deletes the task and only after that changes its state:
 * measured on 1.6, a status read at the event always still said "running", and so did one at the later `/tasks/delete` event,
 * but not for long after that one.
 *
 * What was not taken yet merges by kind and id, which bounds the memory. Ends or throws as `events` does.
 */
export async function* settled(
  events: AsyncIterable<RuntimeEvent | ContainerExit | TaskDeleted>,
  agrees: (id: string) => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent | ContainerExit, void, undefined> {
  const ready = new Map<string, RuntimeEvent | ContainerExit>();
  const waiting = new Map<string, AbortController>();
  const bell = new Bell();
  const over = new AbortController();
  const inside = AbortSignal.any([signal, over.signal]);
  let ended = false;

  const put = (event: RuntimeEvent | ContainerExit) => {
    ready.set(`${event.kind} ${event.id}`, event);
    bell.ring();
  };
  const hold = async (id: string) => {
    if (waiting.has(id)) return;
    const deleted = new AbortController();
    waiting.set(id, deleted);
    const end = clock.monotonic() + PATIENCE;
    try {
      const early = AbortSignal.any([inside, deleted.signal]);
      let pause = FIRST;
      while (clock.monotonic() < end) {
        const soon = deleted.signal.aborted;
        try {
          await clock.sleep(millis(pause), soon ? inside : early);
        } catch {
          inside.throwIfAborted();
          pause = FIRST_AFTER_DELETION;
          continue;
        }
        if (await agrees(id)) break;
        // Deleted while it was asked: the answer may be older than that.
        pause = deleted.signal.aborted && !soon ? FIRST_AFTER_DELETION : pause * GROWTH;
      }
    } finally {
      waiting.delete(id);
    }
    put({ kind: "stopped", id });
  };
  const pump = async () => {
    try {
      for await (const event of events) {
        if (event.kind === "task deleted") {
          waiting.get(event.id)?.abort();
          continue;
        }
        if (event.kind !== "stopped") put(event);
        // Aborted or not, a hold never fails: `agrees` does not throw.
        if (event.kind === "stopped" || event.kind === "exited") hold(event.id).catch(() => {});
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
