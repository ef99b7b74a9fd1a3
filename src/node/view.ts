import type { Problem } from "../base/fault.ts";
import type { EffectiveRow } from "../config/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { CountedEvent } from "./event-log.ts";

/** What the server and the verbs see of the node. Everything is a snapshot; nothing here changes the node. */
export interface NodeView {
  readonly nodeName: string;
  /** Whole v1.Pod values with their newest status, in the order in which they came. */
  pods(): readonly Pod[];
  /** Pods rebuilt from what the runtime says now. */
  runningPods(signal: AbortSignal): Promise<readonly Pod[]>;
  /** Manifests that are there and can't be pods. */
  rejectedManifests(): readonly RejectedManifest[];
  /** Recent events, oldest first; of one pod when its uid is given. */
  events(podUid?: string): readonly CountedEvent[];
  /** What happened to a pod and what it waits for, oldest first. */
  timeline(podUid: string): readonly TimelineEntry[];
  /** The KubeletConfiguration in effect, as v1beta1 JSON. */
  config(): object;
  /** Each option, its value and where it came from. */
  effectiveConfig(): readonly EffectiveRow[];
  /** The log of a container by its CRI id (no `containerd://`); undefined: this node doesn't know it. */
  containerLog(containerId: string): ContainerLog | undefined;
  readonly healthChecks: readonly HealthCheck[];
}

export interface RejectedManifest {
  /** Path or URL. */
  readonly source: string;
  readonly message: string;
  readonly problems: readonly Problem[];
}

export interface TimelineEntry {
  /** RFC 3339. */
  readonly at: string;
  readonly text: string;
}

export interface ContainerLog {
  readonly path: string;
  /** Also after its end, until the runtime has written the last lines. */
  readonly running: () => boolean;
  /** Resolves when it has; at once while the container runs. */
  readonly settled?: (() => Promise<void>) | undefined;
}

export interface HealthCheck {
  /** `ping`, `log`, `syncloop` */
  readonly name: string;
  /** Why it fails; undefined: all is well. Must not wait. */
  readonly problem: () => string | undefined;
}

/** What `/local/…` answers to the verbs, by path. The client and the server are of one build, so this may change at will. */
export interface LocalAnswers {
  readonly node: {
    readonly nodeName: string;
    readonly health: readonly { readonly name: string; readonly problem: string | undefined }[];
  };
  readonly events: readonly CountedEvent[];
  readonly timeline: readonly TimelineEntry[];
  readonly rejected: readonly RejectedManifest[];
  readonly config: { readonly options: readonly EffectiveRow[]; readonly versioned: object };
}
