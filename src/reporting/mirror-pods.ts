import { Bell } from "../base/bell.ts";
import { isFault, KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import { isAlreadyExists, onceHeardOf, Pace } from "../kube/index.ts";
import type { Node, Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_HASH, ANNOTATION_CONFIG_MIRROR, ANNOTATION_CONFIG_SOURCE } from "../model/names.ts";
import { annotationOf, fullNameOf, nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import { podText } from "../model/subject.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { deletePod } from "./delete-pod.ts";
import { isMirrorOf, podsOf, type SeenPods } from "./target.ts";

export interface MirrorDeps {
  readonly api: Pick<KubeApi, "create" | "delete">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly seen: SeenPods;
  /** This node's object as last seen; undefined: there is none yet. */
  readonly node: () => Node | undefined;
}

/** What the static sources want. */
export interface StaticPods {
  readonly pods: readonly Pod[];
  /** Whether a source (`file`, `http`) has told all its pods: until then a mirror pod may be that of one not read yet. */
  readonly isComplete: (source: string) => boolean;
  /** Another pod of that full name is still on the node: the mirror pod is that one's until it is gone. */
  readonly isNameHeld: (fullName: string, uid: string) => boolean;
}

interface Doing {
  pace: Pace | undefined;
  /** Not to be touched before, monotonic ms. */
  until: number;
  /** UID of a mirror pod that was deleted: the watch may still show it. */
  deleted: string | undefined;
  /** One was made, and the watch has not shown it yet. */
  made: boolean;
}

/** How soon a mirror pod that was made should be seen; else it is made again, and may turn out to be there. */
const SHOW_UP = seconds(10);
const NOTHING: StaticPods = { pods: [], isComplete: () => false, isNameHeld: () => false };

/**
 * Keeps one mirror pod in the API server for each static pod, so that the cluster sees them: made for the version that is wanted now, made anew when it
 * changes or somebody deletes it, deleted when the static pod is gone. One loop over the whole state.
 */
export class MirrorPods {
  readonly #deps: MirrorDeps;
  readonly #bell = new Bell();
  readonly #doing = new Map<string, Doing>();
  #wanted: StaticPods = NOTHING;
  #alarmAt: number | undefined;

  constructor(deps: MirrorDeps) {
    this.#deps = deps;
  }

  want(wanted: StaticPods): void {
    this.#wanted = wanted;
    this.#bell.ring();
  }

  /** Something changed: mirror pods, the node, a name that is free now. */
  ring(): void {
    this.#bell.ring();
  }

  /** The API server is there again. */
  recovered(): void {
    for (const doing of this.#doing.values()) if (!doing.made) doing.until = 0;
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#bell.wait(signal);
      if (!this.#deps.seen.hasSynced) continue;
      const due = await this.#pass(signal);
      if (due !== undefined) this.#arm(due, signal);
    }
  }

  /** One alarm at a time: what rings meanwhile must not leave one each. */
  #arm(span: Millis, signal: AbortSignal): void {
    const { clock } = this.#deps;
    const at = clock.monotonic() + span;
    if (this.#alarmAt !== undefined && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    const ring = () => {
      if (this.#alarmAt === at) this.#alarmAt = undefined;
      this.#bell.ring();
    };
    clock.sleep(span, signal).then(ring, () => {});
  }

  /** Does what is to be done now; tells how long until something more is. */
  async #pass(signal: AbortSignal): Promise<Millis | undefined> {
    const names = this.#byName();
    const mirrors = new Map(this.#deps.seen.mirrors.map((mirror) => [fullNameOf(mirror), mirror]));
    let due: number | undefined;
    for (const name of new Set([...names.keys(), ...mirrors.keys()])) {
      const doing = this.#doing.get(name) ?? { pace: undefined, until: 0, deleted: undefined, made: false };
      this.#doing.set(name, doing);
      const mirror = this.#visible(mirrors.get(name), doing);
      const left = doing.until - this.#deps.clock.monotonic();
      if (left > 0) due = Math.min(due ?? left, left);
      else await this.#keep(names.get(name), mirror, doing, signal);
      const after = doing.until - this.#deps.clock.monotonic();
      if (after > 0) due = Math.min(due ?? after, after);
    }
    for (const name of this.#doing.keys()) if (!names.has(name) && !mirrors.has(name)) this.#doing.delete(name);
    return due === undefined ? undefined : millis(due);
  }

  /** Of several static pods of one name the one that runs: the others wait for it. */
  #byName(): ReadonlyMap<string, Pod> {
    const names = new Map<string, Pod>();
    for (const pod of this.#wanted.pods) {
      const name = fullNameOf(pod);
      if (!names.has(name) || !this.#wanted.isNameHeld(name, uidOf(pod))) names.set(name, pod);
    }
    return names;
  }

  /** The mirror pod as it is, though the watch may be behind what was done. */
  #visible(mirror: Pod | undefined, doing: Doing): Pod | undefined {
    if (!mirror) return undefined;
    if (mirror.metadata?.uid === doing.deleted) return undefined;
    doing.deleted = undefined;
    if (doing.made) {
      doing.made = false;
      doing.until = 0;
    }
    return mirror;
  }

  async #keep(pod: Pod | undefined, mirror: Pod | undefined, doing: Doing, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    doing.made = false;
    try {
      if (pod) await this.#ensure(pod, mirror, doing, signal);
      else if (mirror && this.#isOrphan(mirror)) await this.#delete(mirror, doing, signal);
      doing.pace = undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      const isFirst = doing.pace === undefined;
      doing.pace ??= new Pace(this.#deps);
      // Whoever follows the pods asks a server that is away often enough, and tells when it is back.
      const span = doing.pace.next(isFault(error, "api-unavailable") ? undefined : error);
      doing.until = clock.monotonic() + span;
      const fields = { pod: podText(pod ?? mirror ?? {}), err: error.message, retryInMs: Math.round(span) };
      if (isFirst && !isFault(error, "api-unavailable")) log.warn("Cannot keep the mirror pod of a static pod", fields);
      else log.debug(2, "Cannot keep the mirror pod of a static pod", fields);
    }
  }

  async #ensure(pod: Pod, mirror: Pod | undefined, doing: Doing, signal: AbortSignal): Promise<void> {
    const { api, clock, node, log } = this.#deps;
    if (this.#wanted.isNameHeld(fullNameOf(pod), uidOf(pod))) return;
    if (mirror && mirror.metadata?.deletionTimestamp === undefined && isMirrorOf(mirror, pod)) return;
    if (mirror) await this.#delete(mirror, doing, signal);
    const owner = node();
    // The node's owner reference is what ties the mirror pod to it: without a node there is none.
    if (!owner?.metadata?.uid || owner.metadata.deletionTimestamp !== undefined) return;
    log.info("Creating a mirror pod", { pod: podText(pod) });
    try {
      await onceHeardOf(() => api.create(podsOf(namespaceOf(pod)), mirrorOf(pod, owner), signal), clock, signal);
    } catch (error) {
      // What has the name may be what we made a moment ago. If it is not, it is tried again, ever later.
      if (!isAlreadyExists(error) || this.#deps.seen.get(namespaceOf(pod), nameOf(pod))) throw error;
    }
    doing.made = true;
    doing.until = clock.monotonic() + SHOW_UP;
  }

  #isOrphan(mirror: Pod): boolean {
    const source = annotationOf(mirror, ANNOTATION_CONFIG_SOURCE) ?? "";
    return this.#wanted.isComplete(source) && !this.#wanted.isNameHeld(fullNameOf(mirror), "");
  }

  async #delete(mirror: Pod, doing: Doing, signal: AbortSignal): Promise<void> {
    this.#deps.log.info("Deleting a mirror pod", { pod: podText(mirror) });
    await deletePod(mirror, this.#deps, signal);
    doing.deleted = mirror.metadata?.uid;
  }
}

/** The static pod as an object of the API server, which gives it a UID of its own. */
function mirrorOf(pod: Pod, node: Node): Pod {
  const { uid: _, resourceVersion: __, creationTimestamp: ___, ...metadata } = pod.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        [ANNOTATION_CONFIG_MIRROR]: annotationOf(pod, ANNOTATION_CONFIG_HASH) ?? "",
      },
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Node",
          name: node.metadata?.name ?? "",
          uid: node.metadata?.uid ?? "",
          controller: true,
        },
      ],
    },
    spec: pod.spec,
  };
}
