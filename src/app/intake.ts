import { untilAborted } from "../base/abort.ts";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Pods } from "../lifecycle/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { hasEndedPhase, isStatic, isTerminalPhase, uidOf } from "../model/pod.ts";
import type { EventLog } from "../node/index.ts";
import type { Observer } from "../observe/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { PodReferences } from "../ports/referenced.ts";
import type { SourceUpdate } from "../sources/index.ts";
import type { StatusBoard } from "../status/index.ts";
import type { VolumeUpdates } from "../volumes/index.ts";
import type { ClusterPods } from "./cluster-pods.ts";
import type { NodeView } from "./core-doors.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Story } from "./story.ts";
import { Complaints, tellAdmission } from "./tell.ts";
import type { Decision, Wanted } from "./wanted.ts";

/** Pods wait for it. */
const NODE_PATIENCE = seconds(5);

export interface IntakeDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventLog;
  readonly sources: AsyncIterable<SourceUpdate>;
  readonly wanted: Wanted;
  readonly observer: Pick<Observer, "listed" | "snapshot" | "isHidden">;
  readonly board: Pick<StatusBoard, "get" | "reject" | "await">;
  readonly story: Pick<Story, "wanted" | "rejected">;
  readonly pods: Pick<Pods, "has" | "want" | "isNameHeld">;
  readonly references: Pick<PodReferences, "want">;
  readonly volumeUpdates: Pick<VolumeUpdates, "want">;
  readonly leftovers: Pick<Leftovers, "sourceSpoke">;
  readonly reporter: ClusterPods["reporter"] | undefined;
  readonly node: NodeView | undefined;
  /** Nothing of the pod is left and no source names it. */
  readonly forget: (uid: string) => void;
}

/** Takes in what the sources want, has each new pod judged, and tells everybody who has a part in it. */
export class Intake {
  readonly #deps: IntakeDeps;
  readonly #complaints: Complaints;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#complaints = new Complaints(deps.events);
  }

  /** Rejects with `signal.reason`. */
  async run(signal: AbortSignal): Promise<never> {
    const { sources, observer, node, wanted, leftovers } = this.#deps;
    for await (const update of sources) {
      // Pods that the runtime has nothing of need not wait until it has told all about the others.
      await observer.listed;
      if (node && wanted.hangsOnLabels(update)) await this.#renewed(node, signal);
      this.#take(update);
      leftovers.sourceSpoke();
    }
    // Without any source there is nothing to run; what an earlier kubelet ran is left alone.
    return untilAborted(signal);
  }

  /** Pods that wait for a name to be free have a status too, also those that were gone and are wanted again. */
  showWaiting(): void {
    const { wanted, pods, board } = this.#deps;
    for (const pod of wanted.admitted)
      if (!pods.has(uidOf(pod)) && board.get(uidOf(pod))?.pod !== pod)
        board.await(pod, "waits until the pod of the same name is gone");
  }

  #take(update: SourceUpdate): void {
    const { wanted, observer, pods, references, volumeUpdates, forget } = this.#deps;
    this.#complaints.take(update);
    const { decided, dropped } = wanted.update(update, {
      isRunning: (uid) => observer.snapshot(uid) !== undefined || observer.isHidden(uid),
      hasEnded: (pod) => this.#hasEnded(pod),
    });
    // A pod with a worker is forgotten when nothing of it is left.
    for (const uid of dropped) if (!pods.has(uid)) forget(uid);
    for (const decision of decided) this.#tell(decision);
    references.want(wanted.admitted);
    volumeUpdates.want(wanted.admitted);
    pods.want(wanted.toWork);
    this.#deps.reporter?.wantStatic({
      pods: wanted.all.filter(isStatic),
      isComplete: (source) => wanted.isComplete(source),
      isNameHeld: (name, uid) => pods.isNameHeld(name, uid),
    });
    this.showWaiting();
  }

  #tell({ pod, admission }: Decision): void {
    const { board, story, observer, events, reporter } = this.#deps;
    tellAdmission(pod, admission, reporter !== undefined, events);
    if (admission.kind === "rejected") {
      board.reject(pod, admission.reason, admission.message);
      story.rejected(uidOf(pod), admission.message);
    } else story.wanted(pod, observer.isHidden(uidOf(pod)) ? "hidden" : observer.snapshot(uidOf(pod)));
  }

  #hasEnded(pod: Pod): boolean {
    return hasEndedPhase(pod) || isTerminalPhase(this.#deps.board.get(uidOf(pod))?.status.phase);
  }

  /** Whoever placed a pod by a label may have seen it before us. */
  async #renewed(node: NodeView, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      await within(NODE_PATIENCE, clock, {
        work: (life) => node.renew(life),
        late: () => {
          throw new Error(`no answer within ${NODE_PATIENCE / 1000} s`);
        },
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      log.warn("Cannot read this node's labels anew, judging pods by what is known", { err: messageOf(error) });
    }
  }
}
