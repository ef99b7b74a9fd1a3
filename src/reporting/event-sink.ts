import { Bell } from "../base/bell.ts";
import { isFault, KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { isAlreadyExists, isNotFound, retrying } from "../kube/index.ts";
import type { Event } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventRecord, Events } from "../ports/events.ts";
import type { Collection, KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { EventCorrelator, keyOf, type Sending } from "./event-correlator.ts";
import type { EventOrigin, Occurrence } from "./event-object.ts";

export interface EventSinkDeps {
  /** With eventRecordQPS and eventBurst as its limits. */
  readonly api: Pick<KubeApi, "create" | "patch">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Events that wait for the API server, equal ones counted as one. */
const MAX_WAITING = 1_000;
/** An event that the server refuses so often, such as by a limit on its namespace, is dropped: all others wait behind it. client-go drops it, too. */
const MOST_REFUSALS = 5;

/**
 * Writes events to the API server, one after another, in the background. While it is away they wait; beyond the limit the oldest are dropped, and so is what it goes on to refuse.
 * Wiring: `record` gets what the node's event log gets, `run` goes on beside the core.
 */
export class EventSink implements Events {
  readonly #deps: EventSinkDeps;
  readonly #correlator: EventCorrelator;
  readonly #bell = new Bell();
  /** In order of their first occurrence. */
  readonly #waiting = new Map<string, Occurrence>();
  #dropped = 0;

  constructor(origin: EventOrigin, deps: EventSinkDeps) {
    this.#deps = deps;
    this.#correlator = new EventCorrelator(origin);
  }

  record(record: EventRecord): void {
    if (record.about.kind === "manifest") return;
    const now = this.#deps.clock.wall().getTime();
    const key = keyOf(record);
    const before = this.#waiting.get(key);
    this.#waiting.set(key, {
      record,
      count: (before?.count ?? 0) + 1,
      firstAt: before?.firstAt ?? now,
      lastAt: now,
    });
    if (this.#waiting.size > MAX_WAITING) this.#dropOldest();
    this.#bell.ring();
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Rejects with `signal.reason`, or with a bug. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#bell.wait(signal);
      for (;;) {
        const [next] = this.#waiting;
        if (!next) break;
        const [key, occurrence] = next;
        this.#waiting.delete(key);
        const sending = this.#correlator.take(occurrence, this.#deps.clock.wall().getTime());
        if (sending) await this.#send(sending, signal);
      }
      if (this.#dropped > 0) {
        this.#deps.log.error("Dropped events: too many waited for the API server", { count: this.#dropped });
        this.#dropped = 0;
      }
    }
  }

  #dropOldest(): void {
    for (const key of this.#waiting.keys()) {
      this.#waiting.delete(key);
      this.#dropped++;
      return;
    }
  }

  async #send({ event, patch }: Sending, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    try {
      await retrying((life) => this.#write({ event, patch }, life), { ...this.#deps, refusals: MOST_REFUSALS }, signal);
    } catch (error) {
      if (!(error instanceof KubeletError)) throw error;
      const fields = { reason: event.reason, object: event.involvedObject.name, err: messageOf(error) };
      if (isExpectedRefusal(error)) log.debug(5, "Server rejected event", fields);
      else log.error("Server rejected event, it is not written", fields);
    }
  }

  async #write({ event, patch }: Sending, signal: AbortSignal): Promise<void> {
    const { api } = this.#deps;
    const at: Collection = { group: "", version: "v1", resource: "events", namespace: event.metadata.namespace };
    if (patch) {
      try {
        await api.patch(at, event.metadata.name ?? "", "strategic", patch, signal);
        return;
      } catch (error) {
        // Events live for an hour.
        if (!isNotFound(error)) throw error;
      }
    }
    await api.create<Event>(at, event, signal);
  }
}

/** A write whose answer was lost took effect; a namespace that goes, or is gone, takes no new events. */
const isExpectedRefusal = (error: KubeletError): boolean =>
  isAlreadyExists(error) ||
  isNotFound(error) ||
  (isFault(error, "api-refused") && error.fault.status === 403 && error.message.includes("being terminated"));
