import { isFault, messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { type Millis, millis } from "../../base/units.ts";
import type { ContainerExit, RuntimeEvent } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { EventSource } from "./event-sources.ts";

export type FeedItem = RuntimeEvent | ContainerExit | { readonly kind: "resync" } | { readonly kind: "lost" };

export interface FeedDeps {
  /** Best first. Asked at each connect, since the runtime may have been replaced. Throws while there is no runtime. */
  readonly sources: (signal: AbortSignal) => Promise<readonly EventSource[]>;
  /** A short call on the same connection: when it is answered, the server has seen the stream before it. */
  readonly probe: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** gRPC servers say nothing when a stream begins. After the probe this long without an error counts as connected. */
const SETTLE = millis(20);
/** Wait when no source works at all (an old cri-dockerd, CRI-O without pod events): its configuration may change. */
const RETRY_NONE = millis(30_000);
const BACKOFF = { base: 100, cap: 3000 };
/** A stream that lived this long was not refused, and its end is news: reconnect at once. */
const LIVED = millis(10_000);

/**
 * Follows the best source that works, for ever: see `Runtime.events`. Nothing is kept back or merged; the only buffer is the stream's.
 * @throws `signal.reason` when aborted
 */
export async function* followEvents(
  deps: FeedDeps,
  isNews: (id: string) => boolean,
  signal: AbortSignal,
): AsyncGenerator<FeedItem, never, undefined> {
  const { clock, log } = deps;
  let connected: boolean | undefined;
  let failures = 0;
  for (;;) {
    let pause: Millis = RETRY_NONE;
    try {
      for (const source of await deps.sources(signal)) {
        const opened = clock.monotonic();
        const stream = await connect(source, deps, isNews, signal);
        if (!stream) continue;
        log.info("Following events of the container runtime", { source: source.name });
        connected = true;
        yield { kind: "resync" };
        try {
          yield* stream;
        } finally {
          if (clock.monotonic() - opened >= LIVED) failures = 0;
        }
        throw new Error("the runtime ended the stream");
      }
      if (connected !== false)
        log.warn("Container runtime tells no events: its state is listed again and again instead");
    } catch (error) {
      signal.throwIfAborted();
      pause = backoff(failures++, deps.random);
      log.debug(2, "Events of the container runtime are lost", { err: messageOf(error) });
    }
    if (connected !== false) yield { kind: "lost" };
    connected = false;
    await clock.sleep(pause, signal);
  }
}

/** Opens a stream and waits until it is known to work; undefined when the runtime does not have it. Throws when the runtime is away. */
async function connect(
  source: EventSource,
  deps: FeedDeps,
  isNews: (id: string) => boolean,
  signal: AbortSignal,
): Promise<AsyncIterable<RuntimeEvent | ContainerExit> | undefined> {
  const abort = new AbortController();
  const iterator = source.open(isNews, AbortSignal.any([signal, abort.signal]))[Symbol.asyncIterator]();
  const first = iterator.next();
  const settled = deps.probe(signal).then(() => deps.clock.sleep(SETTLE, signal));
  // Whichever loses the race must not end as an unhandled rejection.
  first.catch(() => {});
  settled.catch(() => {});
  try {
    const winner = await Promise.race([first, settled]);
    // CRI-O without pod events ends the stream at once and without an error.
    if (winner?.done) return undefined;
  } catch (error) {
    abort.abort();
    if (isFault(error, "runtime-unimplemented")) return undefined;
    throw error;
  }
  return resume(first, iterator, abort);
}

async function* resume(
  first: Promise<IteratorResult<RuntimeEvent | ContainerExit>>,
  iterator: AsyncIterator<RuntimeEvent | ContainerExit>,
  abort: AbortController,
): AsyncGenerator<RuntimeEvent | ContainerExit, void, undefined> {
  try {
    for (let step = await first; !step.done; step = await iterator.next()) yield step.value;
  } finally {
    abort.abort();
    iterator.return?.().catch(() => {});
  }
}

/** 100 ms doubling to 3 s, each up to a fifth shorter or longer so that nodes of one machine do not march in step. */
function backoff(failures: number, random: Random): Millis {
  const span = Math.min(BACKOFF.cap, BACKOFF.base * 2 ** Math.min(failures, 10));
  return millis(span * (0.8 + 0.4 * random.fraction()));
}
