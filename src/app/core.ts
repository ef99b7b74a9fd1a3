import type { NodeShape } from "../admission/index.ts";
import { type BackoffCurve, backoffCurve, jittered } from "../base/backoff.ts";
import { Bell } from "../base/bell.ts";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, seconds } from "../base/units.ts";
import { fieldsWithoutEffect, unsupportedFields } from "../containers/index.ts";
import { ImageDesk, type PullOptions } from "../images/index.ts";
import {
  complainOf,
  type ExecuteDeps,
  execute,
  Pods,
  RETRY_SPAN,
  removeDeadLinks,
  uidsOnDisk,
  type WorkerDeps,
  workPod,
} from "../lifecycle/index.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_SOURCE, ANNOTATION_POD_GRACE } from "../model/names.ts";
import { fullNameOf, uidOf } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { podSubject } from "../model/subject.ts";
import { type CountedEvent, EventLog, type TimelineEntry } from "../node/index.ts";
import { Observer } from "../observe/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { Random } from "../ports/random.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import type { PodCgroups } from "../resources/index.ts";
import type { ManifestWarning, RejectedManifest, SourceUpdate } from "../sources/index.ts";
import { type Posted, StatusBoard } from "../status/index.ts";
import { unsupportedVolumes } from "../volumes/index.ts";
import type { ConfigDeps, NodeSettings } from "./configs.ts";
import { createConfigs } from "./configs.ts";
import { type StepDone, watchedSteps } from "./steps.ts";
import { Story } from "./story.ts";
import { Wanted } from "./wanted.ts";

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
  readonly cgroups: ExecuteDeps["cgroups"] & { list(): Promise<readonly string[]>; parentOf(pod: Pod): string };
  readonly volumes: ExecuteDeps["volumes"];
  readonly readCredentials: ConstructorParameters<typeof ImageDesk>[1]["readCredentials"];
  readonly logTail: (file: Uint8Array, lines: number) => string;
  readonly sources: AsyncIterable<SourceUpdate>;
  readonly onEvent?: (event: CountedEvent) => void;
  readonly onStep?: (done: StepDone) => void;
  /** Milliseconds that a listing of everything took. */
  readonly onListed?: (took: number) => void;
  /** Milliseconds from first seeing a pod to seeing it run. */
  readonly onPodRuns?: (took: number) => void;
  /** Another planner, and another way to read a pod after a step: for tests of the simulator, which must catch bad ones. */
  readonly plan?: WorkerDeps["plan"];
  readonly refresh?: WorkerDeps["refresh"];
}

/** The heart of the node, wired from doors: what runs in production and in the simulator alike. */
export interface Core {
  readonly events: EventLog;
  posted(): readonly Posted[];
  snapshot(uid: string): PodSnapshot | undefined;
  snapshots(): readonly PodSnapshot[];
  timeline(uid: string): readonly TimelineEntry[];
  /** For how long an answer of the runtime is overdue, in milliseconds. */
  runtimeSilence(): number;
  rejectedManifests(): readonly RejectedManifest[];
  /** How much is kept in memory, by what it is: none of it may grow with what came and went. */
  sizes(): Readonly<Record<string, number>>;
  /** Runs until the signal aborts; rejects with its reason, or with a bug. */
  run(): Promise<never>;
}

const CRASH_BASE = seconds(10);
const CRASH_FORGET = seconds(600);
const LEFTOVERS_RETRY = seconds(30);

export function openCore(settings: CoreSettings, deps: CoreDeps, signal: AbortSignal): Core {
  const { clock, random, log, files } = deps;
  const story = new Story(clock, deps.onPodRuns);
  const events = new EventLog(clock, log, (event) => {
    story.event(event);
    deps.onEvent?.(event);
  });
  const bug = Promise.withResolvers<never>();
  bug.promise.catch(() => {});

  const observer = new Observer({
    runtime: deps.runtime,
    clock,
    log,
    onChange: (uid) => {
      story.saw(uid, observer.snapshot(uid));
      pods.ring(uid);
      // It came of a call that was thought lost, after its pod was gone.
      if (swept && observer.snapshot(uid) && !pods.has(uid)) leftovers.ring();
    },
    onResync: () => pods.ringAll(),
    ...(deps.onListed ? { onListed: deps.onListed } : {}),
  });
  const see = (uid: string) => observer.snapshot(uid);
  const leftovers = new Bell();
  /** What nobody wants was looked for once, with all sources complete. */
  let swept = false;
  const desk = new ImageDesk(settings.pulls, {
    images: deps.imageService,
    clock,
    random,
    events,
    log,
    readCredentials: deps.readCredentials,
  });
  const board = new StatusBoard({
    clock,
    files,
    rootDir: settings.rootDir,
    podLogsDir: settings.podLogsDir,
    nodeIps: () => settings.nodeIps,
    runtimeName: () => settings.runtimeName,
    logTail: deps.logTail,
  });
  const configs = createConfigs({ ...deps, events, settings, cgroupParent: (pod) => deps.cgroups.parentOf(pod) });
  const image = (uid: string, container: Container, attempt: number) => desk.state(uid, container, attempt);

  const executeDeps: ExecuteDeps = {
    ...deps,
    events,
    desk,
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
    // RuntimeClass objects live in the API: without one every pod runs on the runtime's default.
    runtimeHandler: () => "",
  };
  const crashBackoff: BackoffCurve = backoffCurve(CRASH_BASE, settings.crashBackoffMax, CRASH_FORGET);
  const workerDeps: WorkerDeps = {
    clock,
    log,
    crashBackoff,
    see,
    isHidden: (uid) => observer.isHidden(uid),
    image,
    execute: watchedSteps(
      (step, mailbox, memory, life) => execute(step, mailbox, memory, executeDeps, life),
      clock,
      (done) => {
        story.step(done);
        deps.onStep?.(done);
      },
    ),
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
        board.forget(uid);
        story.forget(uid);
        showWaiting();
      },
      onBug: bug.reject,
      orphanGrace: (uid) => graceFromAnnotations(see(uid)),
      orphanName: (uid) => {
        const seen = see(uid);
        return seen && fullNameOf({ metadata: { name: seen.name, namespace: seen.namespace } });
      },
    },
    signal,
  );
  const wanted = new Wanted(settings.sources, settings.shape, (pod) => [
    ...unsupportedFields(pod),
    ...unsupportedVolumes(pod),
  ]);

  /** What each source complained of last: an update tells all of it again, whatever has changed. */
  const told = new Map<string, ReadonlySet<string>>();

  function tellNews(update: SourceUpdate): void {
    const before = told.get(update.source);
    const complaints = [
      ...update.rejected.map((one) => ({ key: JSON.stringify(one), tell: () => tellRejected(one, events) })),
      ...update.warnings.map((one) => ({ key: JSON.stringify(one), tell: () => tellWarning(one, update, events) })),
    ];
    told.set(update.source, new Set(complaints.map(({ key }) => key)));
    for (const { key, tell } of complaints) if (!before?.has(key)) tell();
  }

  function take(update: SourceUpdate): void {
    tellNews(update);
    const { decided, dropped } = wanted.update(update, {
      isRunning: (uid) => see(uid) !== undefined || observer.isHidden(uid),
      hasEnded: (uid) => isTerminal(board.get(uid)),
    });
    // A pod with a worker is forgotten when nothing of it is left.
    for (const uid of dropped) {
      if (pods.has(uid)) continue;
      board.forget(uid);
      story.forget(uid);
    }
    for (const { pod, admission } of decided) {
      const about = podSubject(pod);
      if (admission.kind === "rejected") {
        events.record({ type: "Warning", reason: admission.reason, message: admission.message, about });
        board.reject(pod, admission.reason, admission.message);
        story.rejected(uidOf(pod), admission.message);
      } else {
        story.wanted(pod, see(uidOf(pod)));
        for (const { field, message } of fieldsWithoutEffect(pod)) {
          events.record({ type: "Warning", reason: "FieldHasNoEffect", message: `${field} ${message}`, about });
        }
      }
    }
    pods.want(wanted.admitted);
    showWaiting();
  }

  /** Also one that was gone and is wanted again has a status. */
  function showWaiting(): void {
    for (const pod of wanted.admitted)
      if (!pods.has(uidOf(pod)) && board.get(uidOf(pod))?.pod !== pod)
        board.await(pod, "waits until the pod of the same name is gone");
  }

  /** What is on the node and nobody wants goes, when every source has spoken. Later removals are the workers' own, but for what comes late. */
  async function removeForgotten(): Promise<void> {
    const everything = new Set([...observer.uids(), ...(await uidsOnDisk({ ...deps, ...settings }))]);
    const { incomplete } = wanted;
    const mayBeWanted = (uid: string) => {
      const source = see(uid)?.sandboxes[0]?.annotations[ANNOTATION_CONFIG_SOURCE];
      return incomplete.size > 0 && (source === undefined || incomplete.has(source));
    };
    const orphans = [...everything].filter((uid) => !mayBeWanted(uid));
    // How long a pod may take to stop stands on its containers: one that can't be read yet is left for the next try.
    const hidden = orphans.filter((uid) => observer.isHidden(uid) && !pods.has(uid));
    pods.stopOrphans(orphans.filter((uid) => !hidden.includes(uid)));
    await removeDeadLinks({ ...deps, ...settings });
    if (hidden.length > 0) throw new Error(`cannot read what the runtime has of ${hidden.join(", ")}`);
  }

  async function removeLeftovers(): Promise<never> {
    for (;;) {
      await leftovers.wait(signal);
      try {
        await removeForgotten();
      } catch (error) {
        signal.throwIfAborted();
        log.error("Cannot remove what pods left behind, will try again", { err: messageOf(error) });
        await clock.sleep(LEFTOVERS_RETRY, signal);
        leftovers.ring();
      }
    }
  }

  async function readSources(): Promise<never> {
    for await (const update of deps.sources) {
      await observer.synced;
      take(update);
      // A source that could not tell all its pods holds its part of the sweep back until it can.
      if (wanted.allSeen && (!swept || wanted.incomplete.size > 0)) {
        swept = wanted.incomplete.size === 0;
        leftovers.ring();
      }
    }
    // Without any source there is nothing to run; what an earlier kubelet ran is left alone.
    return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }

  return {
    events,
    posted: () => board.all(),
    snapshot: see,
    snapshots: () => observer.uids().flatMap((uid) => see(uid) ?? []),
    timeline: (uid) => story.of(uid),
    runtimeSilence: () => observer.silence,
    rejectedManifests: () => wanted.rejectedManifests,
    sizes: () => ({
      ...observer.sizes,
      workers: pods.size,
      statuses: board.all().length,
      images: desk.size,
      events: events.all().length,
      stories: story.size,
    }),
    async run() {
      try {
        return await Promise.race([bug.promise, observer.run(signal), readSources(), removeLeftovers()]);
      } finally {
        desk.close();
        if (signal.aborted) await pods.settled();
      }
    },
  };
}

/** The verbs of a cgroup executor as plain functions: spreading a class instance would lose them. */
export const podCgroupVerbs = (cgroups: PodCgroups) => ({
  ensure: (pod: Pod) => cgroups.ensure(pod),
  remove: (uid: string) => cgroups.remove(uid),
  list: () => cgroups.list(),
});

const isTerminal = (posted: Posted | undefined): boolean =>
  posted?.status.phase === "Succeeded" || posted?.status.phase === "Failed";

/** A label of the runtime's can hold any number: nothing waits longer than a day for a pod that nobody wants. */
const LONGEST_ORPHAN_GRACE = 86_400;

/** Grace in milliseconds that a pod's containers carry from when their spec was known. */
function graceFromAnnotations(seen: PodSnapshot | undefined): number | undefined {
  const texts = (seen?.containers ?? []).map(({ annotations }) => annotations[ANNOTATION_POD_GRACE]);
  const graces = texts.map((text) => Number(text || Number.NaN)).filter((grace) => grace >= 0);
  return graces.length > 0 ? Math.min(Math.max(...graces), LONGEST_ORPHAN_GRACE) * 1000 : undefined;
}

function tellRejected({ where, problems, keptPrevious }: RejectedManifest, events: EventLog): void {
  const texts = problems.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  const kept = keptPrevious ? " (the pod of its last good version keeps running)" : "";
  const message = `Manifest ${where} is not used${kept}: ${texts.join("; ")}`;
  events.record({ type: "Warning", reason: "FailedValidation", message, about: { kind: "manifest", source: where } });
}

function tellWarning({ uid, where, problems }: ManifestWarning, update: SourceUpdate, events: EventLog): void {
  const pod = update.pods.find((candidate) => uidOf(candidate) === uid);
  if (!pod) return;
  for (const { field, message } of problems) {
    const text = `${where}: ${field}: ${message}`;
    events.record({ type: "Warning", reason: "UnknownField", message: text, about: podSubject(pod) });
  }
}
