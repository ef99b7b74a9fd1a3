import type { NodeShape } from "../admission/index.ts";
import type { Log } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { ImageDeskDeps, PullOptions } from "../images/index.ts";
import type { ExecuteDeps, WorkerDeps } from "../lifecycle/index.ts";
import type { Ending } from "../model/ending.ts";
import type { Node, Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { CountedEvent, EventLog, TimelineEntry } from "../node/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { ProbeNetwork } from "../ports/probing.ts";
import type { Random } from "../ports/random.ts";
import type { PodReferences } from "../ports/referenced.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import type { ProbesDeps } from "../probes/index.ts";
import type { RejectedManifest, SourceUpdate } from "../sources/index.ts";
import type { Posted } from "../status/index.ts";
import type { Volumes } from "../volumes/index.ts";
import type { ClusterPods } from "./cluster-pods.ts";
import type { ConfigDeps, NodeSettings } from "./configs.ts";
import type { StepDone } from "./steps.ts";
import type { Rejection } from "./wanted.ts";

export interface CoreSettings extends NodeSettings {
  /** Names of the sources that `sources` will tell of. */
  readonly sources: readonly string[];
  readonly containerLogsDir: string;
  readonly crashBackoffMax: Millis;
  readonly pulls: PullOptions;
  readonly shape: NodeShape;
  readonly runtimeName: string;
}

export interface CoreDeps extends Pick<ConfigDeps, "nodeDns" | "sandboxResources" | "containerResources" | "subPath"> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly runtime: Runtime;
  readonly imageService: Images;
  readonly files: Files;
  readonly network: ProbeNetwork;
  readonly cgroups: ExecuteDeps["cgroups"] & { list(): Promise<readonly string[]>; parentOf(pod: Pod): string };
  readonly volumes: Volumes;
  /** How many processes of a pod's container the kernel has killed for want of memory; undefined: not known. */
  readonly oomKills?: ((pod: Pod, containerId: string) => Promise<number | undefined>) | undefined;
  /** What pods refer to beside their own spec. */
  readonly references: PodReferences;
  readonly readCredentials: ImageDeskDeps["readCredentials"];
  readonly pullRecords?: ImageDeskDeps["records"];
  readonly logTail: (file: Uint8Array, lines: number) => string;
  readonly sources: AsyncIterable<SourceUpdate>;
  /** The API server's side; `sources` tells its pods too. Absent: a node without a cluster. */
  readonly cluster?: Pick<ClusterPods, "reporter" | "run"> | undefined;
  /** This node's object: as last seen, and read anew. Absent: a node without a cluster. */
  readonly node?: NodeView | undefined;
  readonly onProbe?: ProbesDeps["onAnswer"];
  /** Nothing of the pod is left. */
  readonly onForget?: (uid: string) => void;
  readonly onEvent?: (event: CountedEvent) => void;
  readonly onStep?: (done: StepDone) => void;
  /** Milliseconds that a listing of everything took. */
  readonly onListed?: (took: number) => void;
  /** Milliseconds from first seeing a pod to seeing it run. */
  readonly onPodRuns?: (took: number) => void;
  /** Why pods can't have a network of their own now; undefined: they can. */
  readonly networkProblem?: (() => string | undefined) | undefined;
  /** Why the node takes no pods in now; undefined: it does. */
  readonly closed?: (() => Rejection | undefined) | undefined;
  /** The runtime came back, or stopped telling of events. */
  readonly onRuntime?: (() => void) | undefined;
  /** Another planner, and another way to read a pod after a step: for tests of the simulator, which must catch bad ones. */
  readonly plan?: WorkerDeps["plan"];
  readonly refresh?: WorkerDeps["refresh"];
}

export interface NodeView {
  /** undefined: not known, or not there. */
  current(): Node | undefined;
  /** What `current` says is then at least as new as this call. @throws KubeletError */
  renew(signal: AbortSignal): Promise<void>;
}

/** The heart of the node, wired from doors: what runs in production and in the simulator alike. */
export interface Core {
  readonly events: EventLog;
  posted(): readonly Posted[];
  snapshot(uid: string): PodSnapshot | undefined;
  snapshots(): readonly PodSnapshot[];
  timeline(uid: string): readonly TimelineEntry[];
  /** Resolves when the runtime has written all that a container which ended left; at once for one that runs. */
  settled(containerId: string): Promise<void>;
  /** For how long an answer of the runtime is overdue, in milliseconds. */
  runtimeSilence(): number;
  rejectedManifests(): readonly RejectedManifest[];
  /** Each pod is looked at again. */
  ringAll(): void;
  /** How much is kept in memory, by what it is: none of it may grow with what came and went. */
  sizes(): Readonly<Record<string, number>>;
  /** Pods that were let in and have not ended. */
  activePods(): readonly Pod[];
  /** The node ends the pod now. Nothing of it starts again. */
  endPod(uid: string, ending: Ending): void;
  /** Resolves when nothing of the pod runs and it holds nothing of the node. Rejects with `signal.reason`. */
  whenReleased(uid: string, signal: AbortSignal): Promise<void>;
  /** Runs until the signal aborts; rejects with its reason, or with a bug. */
  run(): Promise<never>;
}
