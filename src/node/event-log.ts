import type { Log } from "../base/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventRecord, EventSubject, Events } from "../ports/events.ts";

/** An event with how often and when it happened; times in milliseconds since the epoch. */
export interface CountedEvent extends EventRecord {
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Enough for what a person looks back at; the oldest go first. */
const MAX_EVENTS = 2_000;
const MAX_PER_SUBJECT = 100;

/** The node's recent events, equal ones counted together. Bounded: beyond the limits the one that is longest ago goes. */
export class EventLog implements Events {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Insertion order is order of `lastAt`. */
  readonly #events = new Map<string, CountedEvent>();
  readonly #perSubject = new Map<string, number>();
  readonly #listener: ((event: CountedEvent) => void) | undefined;

  constructor(clock: Clock, log: Log, listener?: (event: CountedEvent) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#listener = listener;
  }

  record(event: EventRecord): void {
    const now = this.#clock.wall().getTime();
    const key = JSON.stringify([
      subjectKey(event.about),
      fieldPathOf(event.about),
      event.type,
      event.reason,
      event.message,
    ]);
    const before = this.#events.get(key);
    const counted = { ...event, count: (before?.count ?? 0) + 1, firstAt: before?.firstAt ?? now, lastAt: now };
    this.#events.delete(key);
    this.#events.set(key, counted);
    if (!before) this.#bound(subjectKey(event.about));
    const fields = { object: subjectText(event.about), type: event.type, reason: event.reason, message: event.message };
    if (event.type === "Warning") this.#log.warn("Event occurred", fields);
    else this.#log.debug(2, "Event occurred", fields);
    this.#listener?.(counted);
  }

  /** Oldest first. */
  all(): readonly CountedEvent[] {
    return [...this.#events.values()];
  }

  ofPod(uid: string): readonly CountedEvent[] {
    return this.all().filter(({ about }) => about.kind === "pod" && about.uid === uid);
  }

  #bound(subject: string): void {
    this.#perSubject.set(subject, (this.#perSubject.get(subject) ?? 0) + 1);
    if ((this.#perSubject.get(subject) ?? 0) > MAX_PER_SUBJECT) this.#dropFirst((key) => key === subject);
    if (this.#events.size > MAX_EVENTS) this.#dropFirst(() => true);
  }

  #dropFirst(matches: (subject: string) => boolean): void {
    for (const [key, { about }] of this.#events) {
      const subject = subjectKey(about);
      if (!matches(subject)) continue;
      this.#events.delete(key);
      const left = (this.#perSubject.get(subject) ?? 1) - 1;
      if (left > 0) this.#perSubject.set(subject, left);
      else this.#perSubject.delete(subject);
      return;
    }
  }
}

function subjectKey(about: EventSubject): string {
  if (about.kind === "node") return "node";
  return about.kind === "pod" ? `pod/${about.uid}` : `manifest/${about.source}`;
}

/** Which container of the pod: those of all read "Container started". */
const fieldPathOf = (about: EventSubject): string => (about.kind === "pod" ? (about.fieldPath ?? "") : "");

function subjectText(about: EventSubject): string {
  if (about.kind === "node") return "node";
  if (about.kind === "manifest") return about.source;
  return `${about.namespace}/${about.name}${about.fieldPath ? ` ${about.fieldPath}` : ""}`;
}
