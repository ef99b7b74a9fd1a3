import { Bell } from "../../base/bell.ts";
import { millis } from "../../base/units.ts";
import type { ContainerExit, RuntimeEvent } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";

/** First look after an exit, should nobody tell that the task is deleted, and how much longer each further one waits. Each look costs a call. */
const FIRST = 250;
const GROWTH = 2;
/**
 * The same once the task is deleted: what is left to the runtime then is to write its new state down. Not sooner: the exit itself is told, and who
 * stopped the container reads it when the runtime has answered.
 */
const FIRST_AFTER_DELETION = 60;
/** Told all the same after this long: the reader then sees what there is, and its sweep the rest. */
const PATIENCE = 3000;

/** The runtime has deleted the task of a container that stopped before: it is about to agree. Goes no further than `settled`. */
export interface TaskDeleted {
  readonly kind: "task deleted";
  readonly id: string;
}

/** Ends a wait. Made once: an error without a stack of its own costs nothing each time. */
const DELETED = new Error("The task is deleted");
const OVER = new Error("Nobody reads events any more");

export interface Agreement {
  /** Whether the runtime's own answers show the end. Does not throw. */
  agrees(id: string): Promise<boolean>;
  /** Whether the reader has not seen it yet: else nobody is asked, and nobody told. */
  isNews(id: string): boolean;
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
  { agrees, isNews }: Agreement,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent | ContainerExit, void, undefined> {
  const ready = new Map<string, RuntimeEvent | ContainerExit>();
  /** Exits that are held back, each with what ends its wait. */
  const waiting = new Map<string, AbortController>();
  const bell = new Bell();
  let ended = false;

  const put = (event: RuntimeEvent | ContainerExit) => {
    ready.set(`${event.kind} ${event.id}`, event);
    bell.ring();
  };
  /** Resolves at the end of the pause, or when the task is deleted, if it was not before. Rejects when all is over. */
  const rest = async (id: string, pause: number): Promise<"slept" | "deleted"> => {
    const turn = waiting.get(id);
    if (turn === undefined) throw OVER;
    try {
      await clock.sleep(millis(pause), turn.signal);
      return "slept";
    } catch (error) {
      if (error !== DELETED) throw error;
      waiting.set(id, new AbortController());
      return "deleted";
    }
  };
  const hold = async (id: string) => {
    const end = clock.monotonic() + PATIENCE;
    let pause = FIRST;
    let isSoon = false;
    while (clock.monotonic() < end) {
      const cause = await rest(id, pause);
      if (cause === "deleted" && !isSoon) {
        isSoon = true;
        pause = FIRST_AFTER_DELETION;
        continue;
      }
      if (!isNews(id)) return;
      if (await agrees(id)) break;
      pause *= GROWTH;
    }
    put({ kind: "stopped", id });
  };
  const begin = (id: string) => {
    if (waiting.has(id)) return;
    waiting.set(id, new AbortController());
    // Rejects only when all is over.
    hold(id)
      .catch(() => {})
      .finally(() => waiting.delete(id));
  };
  const pump = async () => {
    try {
      for await (const event of events) {
        if (event.kind === "task deleted") {
          waiting.get(event.id)?.abort(DELETED);
          continue;
        }
        if (event.kind !== "stopped") put(event);
        if (event.kind === "stopped" || event.kind === "exited") begin(event.id);
      }
    } finally {
      ended = true;
      bell.ring();
    }
  };
  const stop = () => {
    for (const turn of waiting.values()) turn.abort(OVER);
    waiting.clear();
  };

  signal.addEventListener("abort", stop, { once: true });
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
    signal.removeEventListener("abort", stop);
    stop();
  }
}
