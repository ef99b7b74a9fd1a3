import { LruMap } from "../base/lru-map.ts";
import type { Event } from "../model/kubernetes.ts";
import { timeText } from "../model/time.ts";
import type { EventRecord } from "../ports/events.ts";
import { digest, type EventOrigin, eventObject, type Occurrence, referenceOf } from "./event-object.ts";

/** What to send: a new event, or one that is there already with what is new of it. */
export interface Sending {
  readonly event: Event;
  /** Strategic merge patch of the event of that name; undefined: there is none yet. */
  readonly patch: Pick<Event, "count" | "lastTimestamp" | "message"> | undefined;
}

/** From so many different messages within the span on, one event tells of all that follow. */
const SIMILAR = 10;
const SIMILAR_SPAN_MS = 600_000;
/** Events of one type about one object: so many at once, then one more every five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Objects and events that are remembered, of each kind. */
const REMEMBERED = 4_096;

interface Similar {
  /** Digests of messages. */
  readonly messages: Set<string>;
  lastAt: number;
}

interface Sent {
  readonly name: string;
  readonly firstTimestamp: string | undefined;
  readonly count: number;
}

/** How many may still go, as of then. */
interface Allowance {
  readonly left: number;
  readonly at: number;
}

/**
 * Turns what happened into few writes, by client-go's rules: what happened before is counted up, much of a kind becomes one event
 * "(combined from similar events)", and who tells too much of one object is held back.
 */
export class EventCorrelator {
  readonly #origin: EventOrigin;
  readonly #similar = new LruMap<string, Similar>(REMEMBERED);
  readonly #sent = new LruMap<string, Sent>(REMEMBERED);
  readonly #allowances = new LruMap<string, Allowance>(REMEMBERED);
  #serial = 0n;

  constructor(origin: EventOrigin) {
    this.#origin = origin;
  }

  /** `now`: milliseconds since the epoch. undefined: nothing is to be sent. */
  take(occurrence: Occurrence, now: number): Sending | undefined {
    const about = referenceOf(occurrence.record, this.#origin);
    if (!about) return undefined;
    const { record } = occurrence;
    const kind = kindOf(record);
    const combined = this.#isOneOfMany(kind, record.message, now);
    const told = combined
      ? {
          ...occurrence,
          firstAt: now,
          record: { ...record, message: `(combined from similar events): ${record.message}` },
        }
      : occurrence;
    const key = combined ? kind : keyOf(record);
    const event = eventObject(told, about, this.#origin, this.#next(now));
    const before = this.#sent.get(key);
    const counted: Event = before
      ? {
          ...event,
          metadata: { ...event.metadata, name: before.name },
          firstTimestamp: before.firstTimestamp,
          count: before.count + told.count,
        }
      : event;
    this.#remember(key, counted);
    if (!this.#mayTell(record, now)) return undefined;
    const { count, lastTimestamp = timeText(now), message } = counted;
    return { event: counted, patch: before ? { count, lastTimestamp, message } : undefined };
  }

  #isOneOfMany(kind: string, message: string, now: number): boolean {
    const known = this.#similar.get(kind);
    const similar =
      known && now - known.lastAt <= SIMILAR_SPAN_MS ? known : { messages: new Set<string>(), lastAt: now };
    similar.messages.add(digest(message));
    similar.lastAt = now;
    this.#similar.set(kind, similar);
    if (similar.messages.size < SIMILAR) return false;
    const [any] = similar.messages;
    if (any !== undefined) similar.messages.delete(any);
    return true;
  }

  #remember(key: string, { metadata, firstTimestamp, count = 1 }: Event): void {
    this.#sent.set(key, { name: metadata.name ?? "", firstTimestamp, count });
  }

  #mayTell(record: EventRecord, now: number): boolean {
    const key = JSON.stringify([subjectOf(record, false), record.type]);
    const before = this.#allowances.get(key) ?? { left: BURST, at: now };
    const left = Math.min(BURST, before.left + Math.max(0, now - before.at) / REFILL_MS);
    const may = left >= 1;
    this.#allowances.set(key, { left: may ? left - 1 : left, at: now });
    return may;
  }

  /** Nanoseconds since the epoch, never twice. */
  #next(now: number): bigint {
    const time = BigInt(Math.floor(now)) * 1_000_000n;
    this.#serial = time > this.#serial ? time : this.#serial + 1n;
    return this.#serial;
  }
}

/** The same again: only time and number differ. */
export const keyOf = (record: EventRecord): string =>
  JSON.stringify([subjectOf(record, true), record.type, record.reason, digest(record.message)]);

/** Alike: the message differs. */
const kindOf = (record: EventRecord): string => JSON.stringify([subjectOf(record, false), record.type, record.reason]);

function subjectOf({ about }: EventRecord, withPath: boolean): readonly (string | undefined)[] {
  if (about.kind !== "pod") return [about.kind];
  return [about.uid, about.namespace, about.name, withPath ? about.fieldPath : undefined];
}
