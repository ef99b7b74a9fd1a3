import { type Admission, admit, type NodeShape } from "../admission/index.ts";
import type { Problem } from "../base/fault.ts";
import type { Pod } from "../model/kubernetes.ts";
import { hasEndedPhase, isDeleted, uidOf } from "../model/pod.ts";
import type { RejectedManifest, SourceUpdate } from "../sources/index.ts";

export interface Decision {
  readonly pod: Pod;
  readonly admission: Admission;
}

/**
 * What the sources want, merged and admitted. A pod is judged once, when it first comes, and stays admitted or rejected as long as
 * some source names it; pods that run already are judged first, so that a restart of the kubelet rejects none of them. What has ended or is to be deleted
 * asks for nothing and is not judged.
 */
export class Wanted {
  readonly #updates = new Map<string, SourceUpdate>();
  readonly #decisions = new Map<string, Decision>();
  readonly #sources: readonly string[];
  readonly #node: NodeShape;
  readonly #unsupported: (pod: Pod) => readonly Problem[];

  constructor(sources: readonly string[], node: NodeShape, unsupported: (pod: Pod) => readonly Problem[]) {
    this.#sources = sources;
    this.#node = node;
    this.#unsupported = unsupported;
  }

  /** Every source has told its pods at least once. */
  get allSeen(): boolean {
    return this.#sources.every((source) => this.#updates.has(source));
  }

  /** Sources that may have more pods than they could tell: a manifest of theirs can't be read. */
  get incomplete(): ReadonlySet<string> {
    return new Set([...this.#updates.values()].filter(({ complete }) => !complete).map(({ source }) => source));
  }

  /** No pod of that source can be missing in what it told. A source that there is not any more can't tell anything. */
  isComplete(source: string): boolean {
    return !this.#sources.includes(source) || this.#updates.get(source)?.complete === true;
  }

  get rejectedManifests(): readonly RejectedManifest[] {
    return [...this.#updates.values()].flatMap(({ rejected }) => rejected);
  }

  /** Takes one source's pods in. Returns the decisions that are new with it, and the UIDs that no source names any more. */
  update(
    update: SourceUpdate,
    state: { readonly isRunning: (uid: string) => boolean; readonly hasEnded: (pod: Pod) => boolean },
  ): { readonly decided: readonly Decision[]; readonly dropped: readonly string[] } {
    this.#updates.set(update.source, update);
    const pods = [...this.#updates.values()].flatMap((one) => one.pods);
    const wanted = new Set<string>(pods.map(uidOf));
    const dropped = [...this.#decisions].filter(([uid]) => !wanted.has(uid));
    for (const [uid] of dropped) this.#decisions.delete(uid);
    const decided: Decision[] = [];
    const runningFirst = [...pods].sort(
      (a, b) => Number(state.isRunning(uidOf(b))) - Number(state.isRunning(uidOf(a))),
    );
    for (const pod of runningFirst) {
      const known = this.#decisions.get(uidOf(pod));
      const admission = known?.admission ?? this.#judge(pod, state.hasEnded);
      this.#decisions.set(uidOf(pod), { pod, admission });
      if (!known) decided.push({ pod, admission });
    }
    return { decided, dropped: dropped.map(([uid]) => uid) };
  }

  #judge(pod: Pod, hasEnded: (pod: Pod) => boolean): Admission {
    if (hasEndedPhase(pod) || isDeleted(pod)) return { kind: "admitted" };
    const others = this.admitted.filter((other) => !hasEnded(other));
    return admit(pod, others, this.#node, this.#unsupported(pod));
  }

  get admitted(): readonly Pod[] {
    return [...this.#decisions.values()].filter(({ admission }) => admission.kind === "admitted").map(({ pod }) => pod);
  }

  /** Pods that workers have something to do for: a rejected one, too, has to be seen off when it is deleted. */
  get toWork(): readonly Pod[] {
    return [...this.#decisions.values()]
      .filter(({ pod, admission }) => admission.kind === "admitted" || isDeleted(pod))
      .map(({ pod }) => pod);
  }

  get all(): readonly Pod[] {
    return [...this.#decisions.values()].map(({ pod }) => pod);
  }
}
