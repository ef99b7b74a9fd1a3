import { isDeepStrictEqual } from "node:util";
import { Bell } from "../base/bell.ts";
import type { Problem } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { decodePod } from "../model/decode.ts";
import type { ObjectMeta, Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_SEEN, ANNOTATION_CONFIG_SOURCE } from "../model/names.ts";
import { pathNameProblems } from "../model/path-names.ts";
import { hasEndedPhase, isMirror, uidOf } from "../model/pod.ts";
import { OWN_CONDITIONS } from "../model/pod-conditions.ts";
import type { Clock } from "../ports/clock.ts";
import type { RejectedManifest, SourceUpdate } from "./update.ts";

/** The API server's pods of this node, as they were last seen: a reflector. */
export interface ApiObjects {
  readonly hasSynced: boolean;
  /** By `namespace/name`. What it is, only its decoding tells. */
  get(key: string): object | undefined;
}

export interface ApiPodsDeps {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  /** As the API server has it now; undefined where this kubelet can't read it. */
  readonly newest: Pod | undefined;
  /** What is to run: the same object until something changes that matters to that. A mirror pod has none. */
  readonly run: Pod | undefined;
  readonly rejected: RejectedManifest | undefined;
}

/**
 * Source of the pods that are bound to this node in the API server. Nothing is defaulted or judged anew: that server has done both, and may be newer than
 * this kubelet, so fields that we don't know are passed over. Mirror pods are no pods to run, only the faces of static ones.
 */
export class ApiPods {
  readonly #deps: ApiPodsDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #bell = new Bell();
  #hasSynced = false;

  constructor(deps: ApiPodsDeps) {
    this.#deps = deps;
  }

  /** Takes in what changed; to be called after each list and each burst of watch events, also with no keys when the first list is there. */
  take(changed: Iterable<string>, objects: ApiObjects): void {
    let isNews = objects.hasSynced && !this.#hasSynced;
    this.#hasSynced ||= objects.hasSynced;
    for (const key of changed) {
      const before = this.#entries.get(key);
      const object = objects.get(key);
      const now = object && this.#read(key, object, before);
      if (now) this.#entries.set(key, now);
      else this.#entries.delete(key);
      isNews ||= now?.run !== before?.run || now?.rejected !== undefined || before?.rejected !== undefined;
    }
    // Most of what a busy node hears is its own statuses.
    if (isNews) this.#bell.ring();
  }

  /** What the API server has under this name now, mirror pods too, with its newest status. */
  get(namespace: string, name: string): Pod | undefined {
    return this.#entries.get(`${namespace}/${name}`)?.newest;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get mirrors(): readonly Pod[] {
    return [...this.#entries.values()].flatMap(({ newest }) => (newest && isMirror(newest) ? newest : []));
  }

  /** Yields when the first list is there, then whenever what is to run, or what can't be, changes. Ends by abort only. */
  async *updates(signal: AbortSignal): AsyncIterable<SourceUpdate> {
    let shown: SourceUpdate | undefined;
    while (true) {
      await this.#bell.wait(signal);
      if (!this.#hasSynced) continue;
      const update = this.#update();
      if (shown && isSame(shown, update)) continue;
      shown = update;
      this.#deps.log.debug(4, "Read pods of the API server", {
        pods: update.pods.length,
        rejected: update.rejected.length,
      });
      yield update;
    }
  }

  #update(): SourceUpdate {
    const entries = [...this.#entries.values()];
    const pods = entries.flatMap(({ run }) => run ?? []).sort(byCreation);
    const rejected = entries.flatMap((entry) => entry.rejected ?? []);
    return { source: "api", pods, rejected, warnings: [], complete: rejected.every((one) => one.keptPrevious) };
  }

  #read(key: string, object: object, before: Entry | undefined): Entry {
    const read = this.#decode(key, object);
    if ("problems" in read) {
      const rejected = { where: key, problems: read.problems, keptPrevious: before?.run !== undefined };
      return { newest: undefined, run: before?.run, rejected };
    }
    const { pod } = read;
    if (isMirror(pod) || pod.spec?.nodeName !== this.#deps.nodeName)
      return { newest: pod, run: undefined, rejected: undefined };
    const known = before?.run && uidOf(before.run) === uidOf(pod) ? before.run : undefined;
    const run = known && sameToRun(known, pod) ? known : stamp(pod, known, this.#deps.clock);
    return { newest: pod, run, rejected: undefined };
  }

  /** Only what a pod of this name can be believed to be. */
  #decode(key: string, object: object): { readonly pod: Pod } | { readonly problems: readonly Problem[] } {
    const { managedFields: _, ...metadata } = (object as Pod).metadata ?? {};
    // Members of a list come without their kind.
    const decoded = decodePod({ ...object, metadata, apiVersion: "v1", kind: "Pod" });
    if (decoded.kind === "invalid") return { problems: decoded.problems };
    const problems = pathNameProblems(decoded.value);
    const { namespace, name } = decoded.value.metadata ?? {};
    if (problems.length === 0 && key === `${namespace}/${name}`) return { pod: decoded.value };
    return { problems: problems.length > 0 ? problems : [{ field: "metadata.name", message: `is not ${key}` }] };
  }
}

/** In the order in which they came: who was first is judged first. */
const byCreation = (a: Pod, b: Pod): number => {
  const [first = "", second = ""] = [a.metadata?.creationTimestamp, b.metadata?.creationTimestamp];
  return first === second ? (uidOf(a) < uidOf(b) ? -1 : 1) : first < second ? -1 : 1;
};

function stamp(pod: Pod, known: Pod | undefined, clock: Clock): Pod {
  const seen = known?.metadata?.annotations?.[ANNOTATION_CONFIG_SEEN] ?? clock.wall().toISOString();
  const annotations = {
    ...pod.metadata?.annotations,
    [ANNOTATION_CONFIG_SEEN]: seen,
    [ANNOTATION_CONFIG_SOURCE]: "api",
  };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** Our own status comes back with each write: that alone changes nothing of what is to run. */
const sameToRun = (a: Pod, b: Pod): boolean =>
  isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(orders(a), orders(b));

function orders({ metadata = {}, ...pod }: Pod): object {
  const { labels = {}, deletionTimestamp, deletionGracePeriodSeconds, generation } = metadata;
  return {
    labels,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    generation,
    annotations: foreignAnnotations(metadata),
    conditions: (pod.status?.conditions ?? []).filter(({ type }) => !OWN_CONDITIONS.has(type)),
    ended: hasEndedPhase(pod) ? pod.status?.phase : undefined,
  };
}

function foreignAnnotations({ annotations = {} }: ObjectMeta): object {
  const { [ANNOTATION_CONFIG_SEEN]: _, [ANNOTATION_CONFIG_SOURCE]: __, ...foreign } = annotations;
  return foreign;
}

/** Pods that did not change are the same objects. */
const isSame = (a: SourceUpdate, b: SourceUpdate): boolean =>
  a.pods.length === b.pods.length &&
  a.pods.every((pod, place) => pod === b.pods[place]) &&
  isDeepStrictEqual(a.rejected, b.rejected);
