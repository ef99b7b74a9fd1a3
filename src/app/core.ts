import { type BackoffCurve, backoffCurve, jittered } from "../base/backoff.ts";
import { millis, seconds } from "../base/units.ts";
import { unsupportedFields } from "../containers/index.ts";
import { ImageDesk } from "../images/index.ts";
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
import type { Container, Pod } from "../model/kubernetes.ts";
import { hasEndedPhase, isStatic, isTerminalPhase, uidOf } from "../model/pod.ts";
import { podSubject } from "../model/subject.ts";
import { EventLog } from "../node/index.ts";
import { Observer } from "../observe/index.ts";
import { Probes } from "../probes/index.ts";
import type { PodCgroups } from "../resources/index.ts";
import { StatusBoard } from "../status/index.ts";
import { unsupportedVolumes, VolumeUpdates } from "../volumes/index.ts";
import { createConfigs } from "./configs.ts";
import type { Core, CoreDeps, CoreSettings } from "./core-doors.ts";
import { Intake } from "./intake.ts";
import { Leftovers } from "./leftovers.ts";
import { graceOfOrphan, nameOfOrphan } from "./orphans.ts";
import { watchedSteps } from "./steps.ts";
import { Story } from "./story.ts";
import { backoffEvent } from "./tell.ts";
import { Waiters } from "./waiters.ts";
import { Wanted } from "./wanted.ts";

const CRASH_BASE = seconds(10);
const CRASH_FORGET = seconds(600);
/** Pods whose volumes are looked at anew at the same time, when the kubelet starts with many; and how long one may hold its place. */
const SETTLING_WIDTH = 2;
const SETTLING_PATIENCE = millis(250);
/** Who asked the kubelet to end waits for it. */
const END_PATIENCE = seconds(5);

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
        intake.showWaiting();
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
  /** Nothing of the pod is left and no source names it. */
  function forget(uid: string): void {
    board.forget(uid);
    probes.forget(uid);
    story.forget(uid);
    cluster?.reporter.forget(uid);
    deps.onForget?.(uid);
  }
  const intake = new Intake({
    ...deps,
    events,
    wanted,
    observer,
    board,
    story,
    pods,
    volumeUpdates,
    leftovers,
    reporter: cluster?.reporter,
    node: deps.node,
    forget,
  });

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
          intake.run(signal),
          leftovers.run(signal),
          ...(cluster ? [cluster.run(signal)] : []),
          references.run(signal),
        ]);
      } finally {
        desk.close();
        if (signal.aborted) await pods.settled(END_PATIENCE, clock);
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
