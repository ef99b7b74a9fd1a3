import type { BackoffCurve } from "../base/backoff.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { after, earliest, type Millis, millis } from "../base/units.ts";
import type { ImageState } from "../images/index.ts";
import type { Imposed } from "../model/ending.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { podText } from "../model/subject.ts";
import type { Clock } from "../ports/clock.ts";
import type { ProbeVerdicts } from "../probes/index.ts";
import { doingOf } from "./doing.ts";
import type { PodIntent } from "./intent.ts";
import { isHurry, type Mailbox } from "./mailbox.ts";
import { Memory } from "./memory.ts";
import { Pace } from "./pace.ts";
import { type Plan, type PlanInput, planPod } from "./plan.ts";
import type { Step, Waiting } from "./step.ts";

/** What the status of a pod is computed from, after each look at it. */
export interface Report {
  readonly uid: string;
  /** undefined for a pod that only the runtime knows. */
  readonly pod: Pod | undefined;
  readonly seen: PodSnapshot | undefined;
  /** Container name -> why it does not run. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly sandboxReason: string | undefined;
  readonly goal: "run" | "stop";
  readonly ended: boolean;
  /** Nothing of the pod runs, its volumes and cgroup are gone. */
  readonly released: boolean;
  /** What the worker does or waits for right now, in plain words; undefined at rest. */
  readonly doing: string | undefined;
  /** Why the node itself ended the pod. */
  readonly imposed: Imposed | undefined;
}

export interface WorkerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly crashBackoff: BackoffCurve;
  /** Newest snapshot of the pod. Whoever refreshes it rings the mailbox. */
  readonly see: (uid: string) => PodSnapshot | undefined;
  /** The runtime has something of the pod that could not be read yet: "nothing there" would be a guess. Its first snapshot rings. */
  readonly isHidden: (uid: string) => boolean;
  readonly image: (uid: string, container: Container, attempt: number) => ImageState | undefined;
  /** Another number than before when something the pod refers to changed: what failed for want of it is tried again at once. */
  readonly revision?: (uid: string) => number;
  /** Begins and ends probes as containers come and go, and tells what they found. Whatever changes that rings. */
  readonly probes?: (intent: PodIntent, seen: PodSnapshot | undefined) => ProbeVerdicts;
  /** When the pod began, as its status says, in milliseconds since the epoch. */
  readonly startedAt?: (uid: string) => number | undefined;
  /** Called once for each end of a container that is followed by a wait before its next start. */
  readonly onBackoff?: (pod: Pod, container: string) => void;
  /** Called once when the node itself ends a pod for what the pod says. */
  readonly onImposed?: (pod: Pod, why: Waiting) => void;
  /** planPod, unless a test says otherwise. */
  readonly plan?: ((input: PlanInput) => Plan) | undefined;
  /** Does one step of a plan. @throws KubeletError, or `signal.reason` */
  readonly execute: (step: Step, mailbox: Mailbox, memory: Memory, signal: AbortSignal) => Promise<void>;
  /** Until it is disposed of, events need not have the pod read: the worker will. */
  readonly hold?: (uid: string) => Disposable;
  /** Reads the pod anew, so that the next plan sees what the last one did. */
  readonly refresh: (uid: string, signal: AbortSignal) => Promise<void>;
  readonly report: (report: Report) => void;
  /** A failed step, for events; tells how long to wait before the next try. */
  readonly complain: (uid: string, pod: Pod | undefined, step: Step, error: KubeletError) => Millis;
}

/**
 * Drives one pod until nothing of it is left on the node. One loop per UID, never two.
 * Rejects with `signal.reason` when the kubelet shuts down: the pod itself keeps running.
 *
 *   look (intent, snapshot, time) -> plan -> steps, one by one -> rest until a ring or the planned time -> look
 */
export async function workPod(mailbox: Mailbox, deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const memory = new Memory(deps.clock, deps.crashBackoff);
  const pace = new Pace(deps.clock);
  let stale: Step | undefined;
  let cleaned = false;
  for (;;) {
    if (deps.isHidden(mailbox.intent.uid)) {
      await mailbox.rest(deps.clock, undefined, signal);
      continue;
    }
    // What was done must be seen before anything else is planned, or it would be done twice.
    if (stale) {
      const patience = await tryRefresh(stale, mailbox, deps, signal);
      if (patience !== undefined) {
        await mailbox.rest(deps.clock, after(deps.clock.monotonic(), patience), signal);
        continue;
      }
      // Only what was read after the clean-up proves it; and whoever comes next with this UID must not see what was there before.
      if (cleaned && deps.see(mailbox.intent.uid) === undefined) return;
      stale = undefined;
    }
    if (memory.renew(deps.revision?.(mailbox.intent.uid) ?? 0)) pace.forgive();
    const plan = look(mailbox, memory, deps);
    deps.report(reportOf(mailbox, memory, plan, deps));
    if (plan.steps.length === 0) {
      await mailbox.rest(deps.clock, plan.wakeAt, signal);
      continue;
    }
    if ((await pace.beforeRepeating(plan.steps, mailbox, signal)) === "again") continue;
    const begun: Step[] = [];
    const outcome = await runHeld(plan.steps, begun, mailbox, memory, pace, deps, signal);
    // Not those after a step that failed: reading the pod for nothing would ring, and end the rest before the next try.
    stale = begun.find(isLoud);
    cleaned = outcome === "finished";
    if (outcome === "finished") continue;
    if (outcome === "done" && onlyFetches(plan.steps)) await mailbox.rest(deps.clock, plan.wakeAt, signal);
    if (outcome !== "done") {
      if (stale && (await tryRefresh(stale, mailbox, deps, signal)) === undefined) stale = undefined;
      const retryAt = after(deps.clock.monotonic(), outcome);
      await mailbox.rest(deps.clock, earliest(plan.wakeAt, retryAt), signal);
    }
  }
}

/** undefined: the pod was read; else how long to wait before the next try. */
async function tryRefresh(
  step: Step,
  mailbox: Mailbox,
  deps: WorkerDeps,
  signal: AbortSignal,
): Promise<Millis | undefined> {
  const { uid, pod } = mailbox.intent;
  try {
    await deps.refresh(uid, signal);
    return undefined;
  } catch (error) {
    return patienceWith(error, uid, pod, step, deps, signal);
  }
}

function look(mailbox: Mailbox, memory: Memory, deps: WorkerDeps): Plan {
  const { intent } = mailbox;
  const seen = deps.see(intent.uid);
  memory.keepOnly(seen);
  const plan = (deps.plan ?? planPod)({
    intent,
    seen,
    now: deps.clock.monotonic(),
    ended: memory.ended,
    restarting: memory.restarting,
    stopped: memory.stopped,
    unstoppable: memory.unstoppable,
    prepared: memory.prepared,
    released: memory.released,
    probes: deps.probes?.(intent, seen),
    timeLeft: timeLeft(intent, seen, deps),
    ending: mailbox.ending,
    image: (container, attempt) => deps.image(intent.uid, container, attempt),
    hold: (container, finishedAt) => memory.hold(container, finishedAt, intent.pod ? podText(intent.pod) : ""),
    firstAttempt: ({ name }) => memory.firstAttempt(name),
  });
  if (plan.ended) memory.ended = true;
  for (const name of memory.newBackoffs(plan.waiting, seen)) if (intent.pod) deps.onBackoff?.(intent.pod, name);
  if (plan.imposed && !memory.imposed && intent.pod) {
    memory.imposed = plan.imposed;
    if (plan.imposed !== mailbox.ending) deps.onImposed?.(intent.pod, plan.imposed);
  }
  return plan;
}

/** Until the pod's deadline. A kubelet that starts again knows the beginning from the API server, or from the first sandbox. */
function timeLeft({ pod, uid }: PodIntent, seen: PodSnapshot | undefined, deps: WorkerDeps): Millis | undefined {
  const limit = pod?.spec?.activeDeadlineSeconds;
  if (limit === undefined) return undefined;
  const told = deps.startedAt?.(uid) ?? Date.parse(pod?.status?.startTime ?? "");
  const begun = Number.isNaN(told) ? Math.min(...(seen?.sandboxes ?? []).map(({ createdAt }) => createdAt)) : told;
  if (begun === Number.POSITIVE_INFINITY) return undefined;
  // As if it began just now, where the clock was set back.
  const gone = Math.max(0, deps.clock.wall().getTime() - begun);
  return millis(Math.max(0, limit * 1000 - gone));
}

/** What takes a pod down causes events of which nobody is to see each. What starts it does not: it may take long, and be looked at meanwhile. */
async function runHeld(...[steps, begun, mailbox, memory, pace, deps, signal]: Parameters<typeof run>) {
  using _held = steps.every(takesDown) ? deps.hold?.(mailbox.intent.uid) : undefined;
  return await run(steps, begun, mailbox, memory, pace, deps, signal);
}

/**
 * "done", "finished", or how long to wait before the next try. A stop that comes in ends a running pod's plan between two steps. `begun` takes the steps
 * that were tried.
 */
async function run(
  steps: readonly Step[],
  begun: Step[],
  mailbox: Mailbox,
  memory: Memory,
  pace: Pace,
  deps: WorkerDeps,
  signal: AbortSignal,
): Promise<"done" | "finished" | Millis> {
  const { uid, pod } = mailbox.intent;
  const wasToStop = mailbox.stopping.aborted;
  let current = steps[0];
  try {
    for (const step of steps) {
      if (!wasToStop && mailbox.stopping.aborted) break;
      current = step;
      begun.push(step);
      deps.log.debug(4, "Step", { uid, step: step.kind, ...("id" in step ? { id: step.id } : {}) });
      await deps.execute(step, mailbox, memory, signal);
      pace.succeeded(step);
      if (step.kind === "finish") return "finished";
    }
    return "done";
  } catch (error) {
    if (isHurry(error) && !signal.aborted) return "done";
    if (current) pace.failed(current);
    return patienceWith(error, uid, pod, current, deps, signal);
  }
}

/** How long to wait after a failed step. Bugs are thrown on. */
function patienceWith(
  error: unknown,
  uid: string,
  pod: Pod | undefined,
  step: Step | undefined,
  deps: WorkerDeps,
  signal: AbortSignal,
): Millis {
  signal.throwIfAborted();
  if (!(error instanceof KubeletError) || !step) throw error;
  deps.log.debug(2, "Step failed", { uid, step: step.kind, err: messageOf(error) });
  return deps.complain(uid, pod, step, error);
}

const takesDown = ({ kind }: Step): boolean =>
  kind === "stop-containers" ||
  kind === "stop-sandbox" ||
  kind === "remove-container" ||
  kind === "remove-sandbox" ||
  kind === "finish";

/** Steps after which the runtime may look different. */
const isLoud = ({ kind }: Step): boolean => kind !== "fetch-image" && kind !== "prepare" && kind !== "release";

function reportOf(mailbox: Mailbox, memory: Memory, plan: Plan, deps: WorkerDeps): Report {
  const { intent } = mailbox;
  return {
    uid: intent.uid,
    pod: intent.pod,
    seen: deps.see(intent.uid),
    waiting: new Map<string, Waiting>([...memory.failures, ...plan.waiting]),
    sandboxReason: plan.sandboxReason,
    goal: intent.goal,
    ended: plan.ended,
    released: memory.released,
    doing: doingOf(plan),
    imposed: memory.imposed,
  };
}

const onlyFetches = (steps: readonly Step[]): boolean => steps.every(({ kind }) => kind === "fetch-image");
