import { type Admission, admit, isForLabels, type NodeShape } from "../admission/index.ts";
import type { Problem } from "../base/fault.ts";
import type { Node, Pod } from "../model/kubernetes.ts";
import { hasEndedPhase, isDeleted, uidOf } from "../model/pod.ts";
import type { RejectedManifest, SourceUpdate } from "../sources/index.ts";

const ADMITTED: Admission = { kind: "admitted" };

/** Only a kubelet sets the time of the start. */
const wasLetIn = (pod: Pod): boolean => pod.status?.startTime !== undefined;

/** In upstream's words. */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

export interface Decision {
  readonly pod: Pod;
  readonly admission: Admission;
}

/**
 * What the sources want, merged and admitted. A pod is judged once, when it first comes, and stays admitted or rejected as long as
 * some source names it. Pods that an earlier kubelet let in come first and are not judged again, whatever has become of the node; what has
 * ended or is to be deleted asks for nothing.
 */
export class Wanted {
  readonly #updates = new Map<string, SourceUpdate>();
  readonly #decisions = new Map<string, Decision>();
  readonly #sources: readonly string[];
  readonly #shape: NodeShape;
  readonly #node: () => Node | undefined;
  readonly #closed: () => Rejection | undefined;
  readonly #unsupported: (pod: Pod) => readonly Problem[];

  /** `node`: this node's object as it is now; undefined while it is not known. `closed`: why the node takes no pod at all now. */
  constructor(
    sources: readonly string[],
    shape: NodeShape,
    unsupported: (pod: Pod) => readonly Problem[],
    node: () => Node | undefined = () => undefined,
    closed: () => Rejection | undefined = () => undefined,
  ) {
    this.#sources = sources;
    this.#shape = shape;
    this.#node = node;
    this.#closed = closed;
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
    const isHere = (pod: Pod) => this.#decisions.has(uidOf(pod)) || wasLetIn(pod) || state.isRunning(uidOf(pod));
    const hereFirst = [...pods].sort((a, b) => Number(isHere(b)) - Number(isHere(a)));
    for (const pod of hereFirst) {
      const known = this.#decisions.get(uidOf(pod));
      const admission = known?.admission ?? (isHere(pod) ? ADMITTED : this.#judge(pod, state.hasEnded));
      this.#decisions.set(uidOf(pod), { pod, admission });
      if (!known) decided.push({ pod, admission });
    }
    return { decided, dropped: dropped.map(([uid]) => uid) };
  }

  #judge(pod: Pod, hasEnded: (pod: Pod) => boolean): Admission {
    if (hasEndedPhase(pod) || isDeleted(pod)) return ADMITTED;
    const others = this.admitted.filter((other) => !hasEnded(other));
    const admission = admit(pod, others, this.#shape, this.#node(), this.#unsupported(pod));
    const closed = this.#closed();
    return admission.kind === "admitted" && closed ? { kind: "rejected", ...closed } : admission;
  }

  /** Whether the update has a pod that would be turned away for the node's labels: they are worth a second look then. */
  hangsOnLabels({ pods }: SourceUpdate): boolean {
    return pods.some(
      (pod) => !this.#decisions.has(uidOf(pod)) && !wasLetIn(pod) && isForLabels(this.#judge(pod, () => true)),
    );
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
