import type { NodeShape } from "../admission/index.ts";
import { untilAborted } from "../base/abort.ts";
import { type BackoffCurve, backoffCurve, jittered } from "../base/backoff.ts";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import { unsupportedFields } from "../containers/index.ts";
import { ImageDesk, type ImageDeskDeps, type PullOptions } from "../images/index.ts";
import {
  complainOf,
  type ExecuteDeps,
  execute,
  Pods,
  RETRY_SPAN,
  Turns,
  type WorkerDeps,
  workPod,
} from "../lifecycle/index.ts";
import type { Ending } from "../model/ending.ts";
import type { Container, Node, Pod } from "../model/kubernetes.ts";
import { hasEndedPhase, isStatic, isTerminalPhase, uidOf } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { podSubject } from "../model/subject.ts";
import { type CountedEvent, EventLog, type TimelineEntry } from "../node/index.ts";
import { Observer } from "../observe/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { ProbeNetwork } from "../ports/probing.ts";
import type { Random } from "../ports/random.ts";
import type { PodReferences } from "../ports/referenced.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import { Probes, type ProbesDeps } from "../probes/index.ts";
import type { PodCgroups } from "../resources/index.ts";
import type { RejectedManifest, SourceUpdate } from "../sources/index.ts";
import { type Posted, StatusBoard } from "../status/index.ts";
import { unsupportedVolumes, type Volumes, VolumeUpdates } from "../volumes/index.ts";
import type { ClusterPods } from "./cluster-pods.ts";
import type { ConfigDeps, NodeSettings } from "./configs.ts";
import { createConfigs } from "./configs.ts";
import { Leftovers } from "./leftovers.ts";
import { graceOfOrphan, nameOfOrphan } from "./orphans.ts";
import { type StepDone, watchedSteps } from "./steps.ts";
import { Story } from "./story.ts";
import { backoffEvent, Complaints, tellAdmission } from "./tell.ts";
import { Waiters } from "./waiters.ts";
import { type Rejection, Wanted } from "./wanted.ts";

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

/** Pods wait for it. */
const NODE_PATIENCE = seconds(5);
const CRASH_BASE = seconds(10);
const CRASH_FORGET = seconds(600);
/** Pods whose volumes are looked at anew at the same time, when the kubelet starts with many; and how long one may hold its place. */
const SETTLING_WIDTH = 2;
const SETTLING_PATIENCE = millis(250);

export function openCore(settings: CoreSettings, deps: CoreDeps, signal: AbortSignal): Core {
  const { clock, random, log, files, references, cluster } = deps;
  const story = new Story(clock, deps.onPodRuns);
  const events = new EventLog(clock, log, (event) => {
    story.event(event);
    deps.onEvent?.(event);
  });
  /** A pod has given back what it held, or is gone. */
  const news = new Waiters();
  const bug = Promise.withResolvers<never>();
  bug.promise.catch(() => {});

  const observer = new Observer({
    runtime: deps.runtime,
    clock,
    log,
    onChange: (uid) => {
      story.saw(uid, observer.snapshot(uid));
      pods.ring(uid);
      leftovers.saw(uid);
    },
    oomKills: async (uid, id) => {
      const pod = board.get(uid)?.pod;
      return pod && deps.oomKills?.(pod, id);
    },
    onResync: () => {
      pods.ringAll();
      deps.onRuntime?.();
    },
    ...(deps.onRuntime ? { onLost: deps.onRuntime } : {}),
    ...(deps.onListed ? { onListed: deps.onListed } : {}),
  });
  const see = (uid: string) => observer.snapshot(uid);
  const desk = new ImageDesk(settings.pulls, {
    images: deps.imageService,
    clock,
    random,
    events,
    log,
    readCredentials: deps.readCredentials,
    records: deps.pullRecords,
  });
  const board = new StatusBoard({
    clock,
    files,
    rootDir: settings.rootDir,
    podLogsDir: settings.podLogsDir,
    nodeIps: () => settings.nodeIps,
    runtimeName: () => settings.runtimeName,
    logTail: deps.logTail,
    lastStatus: (pod) => cluster?.reporter.lastStatus(pod),
    probes: (uid) => probes.verdicts(uid),
    onPost: (posted) => {
      cluster?.reporter.post(posted);
      if (posted.released) news.ring(uidOf(posted.pod));
    },
  });
  const probes = new Probes(
    {
      ...deps,
      events,
      nodeIps: () => settings.nodeIps,
      lastStatus: (pod) => (isStatic(pod) ? cluster?.reporter.shownStatus(pod) : pod.status),
      onChange: (uid) => {
        board.refresh(uid);
        pods.ring(uid);
      },
      ...(deps.onProbe ? { onAnswer: deps.onProbe } : {}),
      onBug: bug.reject,
    },
    signal,
  );
  const configs = createConfigs({ ...deps, events, settings, cgroupParent: (pod) => deps.cgroups.parentOf(pod) });
  const image = (uid: string, container: Container, attempt: number) => desk.state(uid, container, attempt);

  const executeDeps: ExecuteDeps = {
    ...deps,
    events,
    desk,
    settling: new Turns(SETTLING_WIDTH, SETTLING_PATIENCE, clock),
    see,
    image,
    rootDir: settings.rootDir,
    podLogsDir: settings.podLogsDir,
    containerLogsDir: settings.containerLogsDir,
    know: (id, uid) => observer.know(id, uid),
    sandboxConfig: configs.sandbox,
    containerConfig: configs.container,
    dropImage: (uid, container) => desk.drop(uid, container),
    startRetry: () => jittered(RETRY_SPAN, random),
    runtimeHandler: (pod, life) => references.runtimeHandler(pod, life),
  };
  const crashBackoff: BackoffCurve = backoffCurve(CRASH_BASE, settings.crashBackoffMax, CRASH_FORGET);
  const workerDeps: WorkerDeps = {
    clock,
    log,
    crashBackoff,
    see,
    isHidden: (uid) => observer.isHidden(uid),
    image,
    revision: (uid) => references.revision(uid),
    execute: watchedSteps(
      (step, mailbox, memory, life) => execute(step, mailbox, memory, executeDeps, life),
      clock,
      (done) => {
        story.step(done);
        deps.onStep?.(done);
      },
    ),
    probes: (intent, seen) => probes.follow(intent, seen),
    startedAt: (uid) => timeOf(board.get(uid)?.status.startTime),
    onBackoff: (pod, container) => events.record(backoffEvent(pod, container)),
    onImposed: (pod, { reason, message }) => events.record({ type: "Normal", reason, message, about: podSubject(pod) }),
    hold: (uid) => observer.hold(uid),
    refresh: deps.refresh ?? ((uid, life) => observer.refresh(uid, life)),
    ...(deps.plan ? { plan: deps.plan } : {}),
    report: (report) => {
      board.report(report);
      story.phase(report.uid, board.get(report.uid)?.status.phase);
    },
    complain: (uid, pod, step, error) => complainOf(uid, pod, step, error, { events, log, random }),
  };
  const pods: Pods = new Pods(
    {
      log,
      work: (mailbox, life) => workPod(mailbox, workerDeps, life),
      onGone: (uid) => {
        forget(uid);
        news.ring(uid);
        showWaiting();
      },
      onBug: bug.reject,
      orphanGrace: (uid) => graceOfOrphan(see(uid)),
      orphanName: (uid) => nameOfOrphan(see(uid)),
    },
    signal,
  );
  const volumeUpdates = new VolumeUpdates(
    { volumes: deps.volumes, clock, random, events, log, onBug: bug.reject },
    signal,
  );
  references.onChange((uid) => {
    pods.ring(uid);
    volumeUpdates.ring(uid);
  });
  const wanted = new Wanted(
    settings.sources,
    settings.shape,
    (pod) => [...unsupportedFields(pod, cluster !== undefined), ...unsupportedVolumes(pod)],
    () => deps.node?.current(),
    () => deps.closed?.(),
  );

  const leftovers = new Leftovers({ clock, log, disk: { ...deps, ...settings }, observer, pods, wanted });
  const complaints = new Complaints(events);

  /** Nothing of the pod is left and no source names it. */
  function forget(uid: string): void {
    board.forget(uid);
    probes.forget(uid);
    story.forget(uid);
    cluster?.reporter.forget(uid);
    deps.onForget?.(uid);
  }

  function take(update: SourceUpdate): void {
    complaints.take(update);
    const { decided, dropped } = wanted.update(update, {
      isRunning: (uid) => see(uid) !== undefined || observer.isHidden(uid),
      hasEnded: (pod) => hasEndedPhase(pod) || isTerminalPhase(board.get(uidOf(pod))?.status.phase),
    });
    // A pod with a worker is forgotten when nothing of it is left.
    for (const uid of dropped) if (!pods.has(uid)) forget(uid);
    for (const { pod, admission } of decided) {
      tellAdmission(pod, admission, cluster !== undefined, events);
      if (admission.kind === "rejected") {
        board.reject(pod, admission.reason, admission.message);
        story.rejected(uidOf(pod), admission.message);
      } else story.wanted(pod, see(uidOf(pod)));
    }
    references.want(wanted.admitted);
    volumeUpdates.want(wanted.admitted);
    pods.want(wanted.toWork);
    cluster?.reporter.wantStatic({
      pods: wanted.all.filter(isStatic),
      isComplete: (source) => wanted.isComplete(source),
      isNameHeld: (name, uid) => pods.isNameHeld(name, uid),
    });
    showWaiting();
  }

  /** Also one that was gone and is wanted again has a status. */
  function showWaiting(): void {
    for (const pod of wanted.admitted)
      if (!pods.has(uidOf(pod)) && board.get(uidOf(pod))?.pod !== pod)
        board.await(pod, "waits until the pod of the same name is gone");
  }

  /** Whoever placed a pod by a label may have seen it before us. */
  async function renewed(node: NodeView): Promise<void> {
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

  async function readSources(): Promise<never> {
    for await (const update of deps.sources) {
      await observer.synced;
      if (deps.node && wanted.hangsOnLabels(update)) await renewed(deps.node);
      take(update);
      leftovers.sourceSpoke();
    }
    // Without any source there is nothing to run; what an earlier kubelet ran is left alone.
    return untilAborted(signal);
  }

  return {
    events,
    posted: () => board.all(),
    snapshot: see,
    snapshots: () => observer.uids().flatMap((uid) => see(uid) ?? []),
    timeline: (uid) => story.of(uid),
    settled: (id) => observer.settled(id),
    runtimeSilence: () => observer.silence,
    rejectedManifests: () => wanted.rejectedManifests,
    ringAll: () => pods.ringAll(),
    sizes: () => ({
      ...observer.sizes,
      workers: pods.size,
      statuses: board.all().length,
      images: desk.size,
      probes: probes.size,
      events: events.all().length,
      stories: story.size,
      reports: cluster?.reporter.size ?? 0,
      volumeUpdates: volumeUpdates.size,
      ...references.sizes,
    }),
    activePods: () =>
      wanted.admitted.filter((pod) => !hasEndedPhase(pod) && !isTerminalPhase(board.get(uidOf(pod))?.status.phase)),
    endPod: (uid, ending) => pods.end(uid, ending),
    async whenReleased(uid, life) {
      while (pods.has(uid) && !board.get(uid)?.released) await news.wait(uid, life);
    },
    async run() {
      try {
        return await Promise.race([
          bug.promise,
          observer.run(signal),
          readSources(),
          leftovers.run(signal),
          ...(cluster ? [cluster.run(signal)] : []),
          references.run(signal),
        ]);
      } finally {
        desk.close();
        if (signal.aborted) await pods.settled();
      }
    },
  };
}

const timeOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

/** The verbs of a cgroup executor as plain functions: spreading a class instance would lose them. */
export const podCgroupVerbs = (cgroups: PodCgroups) => ({
  ensure: (pod: Pod) => cgroups.ensure(pod),
  remove: (uid: string) => cgroups.remove(uid),
  list: () => cgroups.list(),
});
