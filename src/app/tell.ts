import type { Admission } from "../admission/index.ts";
import { fieldsWithoutEffect } from "../containers/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import { containerSubject, podSubject, podText } from "../model/subject.ts";
import type { EventRecord, Events } from "../ports/events.ts";
import type { ManifestWarning, RejectedManifest, SourceUpdate } from "../sources/index.ts";

/** Tells each complaint of a source once: an update tells all of it again, whatever has changed. */
export class Complaints {
  readonly #events: Events;
  readonly #told = new Map<string, ReadonlySet<string>>();

  constructor(events: Events) {
    this.#events = events;
  }

  take(update: SourceUpdate): void {
    const before = this.#told.get(update.source);
    const complaints = [
      ...update.rejected.map((one) => ({ key: JSON.stringify(one), tell: () => this.#rejected(one, update) })),
      ...update.warnings.map((one) => ({ key: JSON.stringify(one), tell: () => this.#warning(one, update) })),
    ];
    this.#told.set(update.source, new Set(complaints.map(({ key }) => key)));
    for (const { key, tell } of complaints) if (!before?.has(key)) tell();
  }

  #rejected({ where, problems, keptPrevious }: RejectedManifest, { source }: SourceUpdate): void {
    const texts = problems.map(({ field, message }) => (field ? `${field}: ${message}` : message));
    const kept = keptPrevious ? " (the pod of its last good version keeps running)" : "";
    const what = source === "api" ? `Pod ${where} of the API server` : `Manifest ${where}`;
    const message = `${what} is not used${kept}: ${texts.join("; ")}`;
    this.#events.record({
      type: "Warning",
      reason: "FailedValidation",
      message,
      about: { kind: "manifest", source: where },
    });
  }

  #warning({ uid, where, problems }: ManifestWarning, update: SourceUpdate): void {
    const pod = update.pods.find((candidate) => uidOf(candidate) === uid);
    if (!pod) return;
    for (const { field, message } of problems) {
      const text = `${where}: ${field}: ${message}`;
      this.#events.record({ type: "Warning", reason: "UnknownField", message: text, about: podSubject(pod) });
    }
  }
}

/** Events about a pod that was just judged. */
export function tellAdmission(pod: Pod, admission: Admission, hasApi: boolean, events: Events): void {
  const about = podSubject(pod);
  if (admission.kind === "rejected") {
    events.record({ type: "Warning", reason: admission.reason, message: admission.message, about });
    return;
  }
  for (const { field, message } of fieldsWithoutEffect(pod, hasApi)) {
    events.record({ type: "Warning", reason: "FieldHasNoEffect", message: `${field} ${message}`, about });
  }
}

/** A container ended too soon after its last start: the next one waits. */
export const backoffEvent = (pod: Pod, container: string): EventRecord => ({
  type: "Warning",
  reason: "BackOff",
  message: `Back-off restarting failed container ${container} in pod ${podText(pod)}`,
  about: containerSubject(pod, container),
});
