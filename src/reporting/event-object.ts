import { createHash } from "node:crypto";
import type { Event, ObjectReference } from "../model/kubernetes.ts";
import { timeText } from "../model/time.ts";
import type { EventRecord } from "../ports/events.ts";

/** Who tells. */
export interface EventOrigin {
  readonly nodeName: string;
  /** UID of the Node object; undefined while it is not known. */
  readonly nodeUid: () => string | undefined;
}

/** Something that happened `count` times; times in milliseconds since the epoch. */
export interface Occurrence {
  readonly record: EventRecord;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** A runtime may answer with pages of text. */
const MAX_MESSAGE = 16 * 1024;
/** A name with the time behind it. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$/;

/** What the event is about, for the API server; undefined: it is about nothing that is there. */
export function referenceOf(record: EventRecord, { nodeName, nodeUid }: EventOrigin): ObjectReference | undefined {
  const { about } = record;
  switch (about.kind) {
    case "manifest":
      return undefined;
    case "node":
      // Those who describe a node look for its name as a UID, too.
      return { kind: "Node", apiVersion: "v1", name: nodeName, uid: nodeUid() ?? nodeName };
    case "pod": {
      const { name, namespace, uid, fieldPath } = about;
      return { kind: "Pod", apiVersion: "v1", namespace, name, uid, ...(fieldPath ? { fieldPath } : {}) };
    }
  }
}

/** `serial`: differs from event to event; it makes the name. */
export function eventObject(
  { record, count, firstAt, lastAt }: Occurrence,
  about: ObjectReference,
  { nodeName }: EventOrigin,
  serial: bigint,
): Event {
  const name = about.name ?? "";
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: `${NAME.test(name) ? name : digest(name)}.${serial.toString(16)}`,
      namespace: about.namespace || "default",
    },
    involvedObject: about,
    reason: record.reason,
    message: record.message.slice(0, MAX_MESSAGE),
    source: { component: "kubelet", host: nodeName },
    firstTimestamp: timeText(firstAt),
    lastTimestamp: timeText(lastAt),
    count,
    type: record.type,
    reportingComponent: "kubelet",
    reportingInstance: nodeName,
  };
}

/** Short and the same for the same text, for keys that are kept. */
export const digest = (text: string): string => createHash("sha1").update(text).digest("hex");
