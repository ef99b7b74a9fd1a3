import type { Instant, Millis } from "../base/units.ts";
import { after, earliest, until } from "../base/units.ts";
import { type SandboxNeed, sandboxNeed } from "../containers/index.ts";
import type { ImageState } from "../images/index.ts";
import type { Ending, Imposed } from "../model/ending.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import {
  containersOf,
  ephemeralContainersOf,
  gracePeriodOf,
  hasEndedPhase,
  initContainersOf,
  isSidecar,
} from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { type ProbeVerdicts, UNWATCHED } from "../probes/index.ts";
import { hasEnded } from "./ended.ts";
import type { PodIntent } from "./intent.ts";
import { planInit, type Start, stop } from "./plan-init.ts";
import { planMain } from "./plan-main.ts";
import { newestOf, runningIn } from "./seen.ts";
import type { Hold, Step, Waiting } from "./step.ts";
import { surplus } from "./surplus.ts";

export interface Plan {
  readonly steps: readonly Step[];
  /** Look again then, even if nothing happens. */
  readonly wakeAt: Instant | undefined;
  /** Container name -> why it does not run yet. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** All containers ended and none starts again. */
  readonly ended: boolean;
  /** Reason of PodReadyToStartContainers=False. */
  readonly sandboxReason: string | undefined;
  /** Why the node itself ended the pod. */
  readonly imposed?: Imposed | undefined;
}

export interface PlanInput {
  readonly intent: PodIntent;
  readonly seen: PodSnapshot | undefined;
  readonly now: Instant;
  /** The pod once ended: it never starts again, whatever is left of it in the runtime. */
  readonly ended: boolean;
  /** Ids of containers that were stopped in order to start again. */
  readonly restarting: ReadonlySet<string>;
  /** Ids of sandboxes that were stopped to the end: one that died by itself still holds its network until it is. */
  readonly stopped: ReadonlySet<string>;
  /** Ids of containers that the runtime does not stop though their grace is over: their sandbox takes them along. Absent: none. */
  readonly unstoppable?: ReadonlySet<string> | undefined;
  /** Cgroup, directories and volumes stand. */
  readonly prepared: boolean;
  /** Cgroup and volumes were taken down after everything had stopped. */
  readonly released: boolean;
  /** What probes found of the containers; absent: none is asked. */
  readonly probes?: ProbeVerdicts | undefined;
  /** Until activeDeadlineSeconds is over; undefined: the pod has none, or has not begun. */
  readonly timeLeft?: Millis | undefined;
  /** The node itself ends the pod. */
  readonly ending?: Ending | undefined;
  /** undefined: nobody asked for it yet. */
  readonly image: (container: Container, attempt: number) => ImageState | undefined;
  /** Why and until when a container may not start (again): crash back-off, or a failed start. undefined: it may. */
  readonly hold: (container: Container, finishedAt: number | undefined) => Hold | undefined;
  /** Restart count to begin with where the runtime has no instance: old logs may still be there. */
  readonly firstAttempt: (container: Container) => number;
}

const NOTHING: Pick<Plan, "wakeAt" | "waiting" | "ended" | "sandboxReason"> = {
  wakeAt: undefined,
  waiting: new Map(),
  ended: false,
  sandboxReason: undefined,
};

const DEADLINE_EXCEEDED: Waiting = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

/** Decides the next steps that bring one pod closer to its intent. Pure: no clock, no I/O, no log. No steps: at rest. */
export function planPod(input: PlanInput): Plan {
  const { intent, seen } = input;
  if (intent.goal === "stop") {
    const ended = input.ended || runningIn(seen).length === 0;
    return { ...NOTHING, ended, imposed: ended ? undefined : input.ending, steps: planStop(intent, input) };
  }
  const { pod } = intent;
  // What the API server was told of the end counts, too: the runtime may have lost its records.
  if (input.ended || hasEndedPhase(pod) || hasEnded(pod, seen, input.restarting))
    return { ...NOTHING, ended: true, steps: planEnd(pod, input) };
  if (input.ending) return { ...NOTHING, ended: true, imposed: input.ending, steps: planEnd(pod, input) };
  if (input.timeLeft === 0) {
    return { ...NOTHING, ended: true, imposed: DEADLINE_EXCEEDED, steps: planEnd(pod, input) };
  }
  const plan = planRun(input, pod);
  const { timeLeft } = input;
  return timeLeft === undefined ? plan : { ...plan, wakeAt: earliest(plan.wakeAt, after(input.now, timeLeft)) };
}

function planRun(input: PlanInput, pod: Pod): Plan {
  const need = sandboxNeed(pod, input.seen);
  if (need.needed) return { ...planSandbox(input, pod, need), sandboxReason: need.reason };
  if (!input.prepared) return { ...NOTHING, steps: [{ kind: "prepare" }] };
  return planContainers(input, pod, need.sandbox.id);
}

function planStop(intent: Extract<PodIntent, { goal: "stop" }>, input: PlanInput): readonly Step[] {
  const steps = stopAll(intent.pod, input, intent.grace, (name) => `Stopping container ${name}`);
  if (steps.length > 0) return steps;
  if (!intent.keep) return [{ kind: "finish" }];
  return input.released ? [] : [{ kind: "release" }];
}

function planEnd(pod: Pod, input: PlanInput): readonly Step[] {
  const grace = input.ending?.grace ?? gracePeriodOf(pod);
  const steps = stopAll(pod, input, grace, (name) => `Stopping container ${name}`);
  if (steps.length > 0) return steps;
  return [...(input.released ? [] : [{ kind: "release" as const }]), ...surplus(input.seen)];
}

/** Everything that runs, then every sandbox that was not stopped yet. Nothing is added on top of a stop that has yet to be seen done. */
function stopAll(
  pod: Pod | undefined,
  { seen, stopped, unstoppable }: PlanInput,
  grace: Millis,
  message: (name: string) => string,
): readonly Step[] {
  const all = seen?.sandboxes ?? [];
  const running = runningIn(seen);
  const stuck = running.filter(({ id, sandboxId }) => unstoppable?.has(id) && all.some((one) => one.id === sandboxId));
  const holdsStuck = (id: string) => stuck.some(({ sandboxId }) => sandboxId === id);
  const sandboxes = all.filter(({ id, state }) => state === "ready" || !stopped.has(id) || holdsStuck(id));
  const asked = running.filter((container) => !stuck.includes(container));
  const stops = asked.map(({ id, name }) => ({
    id,
    name,
    grace,
    message: message(name),
    restart: false,
    after: pod ? outlived(pod, name) : [],
  }));
  return [
    ...(stops.length > 0 ? [{ kind: "stop-containers" as const, stops }] : []),
    ...sandboxes.map(({ id }) => ({ kind: "stop-sandbox" as const, id })),
  ];
}

/** Containers that a sidecar waits for: every regular one and the sidecars after it in the spec. */
function outlived(pod: Pod, name: string): readonly string[] {
  const sidecars = initContainersOf(pod).filter(isSidecar);
  const place = sidecars.findIndex((sidecar) => sidecar.name === name);
  if (place < 0) return [];
  return [...containersOf(pod), ...sidecars.slice(place + 1)].map((container) => container.name);
}

function planSandbox(input: PlanInput, pod: Pod, need: Extract<SandboxNeed, { needed: true }>): Plan {
  const { seen } = input;
  const rest = stopAll(pod, input, gracePeriodOf(pod), (name) => `Stopping container ${name}`);
  if (rest.length > 0) return { ...NOTHING, steps: rest };
  const init = initContainersOf(pod);
  // A new sandbox runs every init container again: records of the old one would look like progress.
  const old = (seen?.containers ?? []).filter(({ name }) => init.some((container) => container.name === name));
  const first = init.length > 0 ? init : containersOf(pod);
  return {
    ...NOTHING,
    steps: [
      ...[...first, ...(init.length > 0 ? containersOf(pod) : [])].flatMap((container) => fetch(input, container)),
      ...(input.prepared ? [] : [{ kind: "prepare" as const }]),
      ...old.map(({ id, name }) => ({ kind: "remove-container" as const, id, name })),
      // Where no sandbox comes up, each try may leave another dead one.
      ...surplus(seen).filter(({ kind }) => kind === "remove-sandbox"),
      { kind: "run-sandbox", attempt: need.attempt, replaces: (seen?.sandboxes.length ?? 0) > 0 },
    ],
  };
}

/** Asks for the image of a container that is about to start, if nobody did. */
function fetch(input: PlanInput, container: Container): readonly Step[] {
  const attempt = attemptOf(input, container);
  return input.image(container, attempt) ? [] : [{ kind: "fetch-image", container, attempt }];
}

function attemptOf(input: PlanInput, container: Container): number {
  const last = input.seen?.containers.find(({ name }) => name === container.name);
  return last ? last.attempt + 1 : input.firstAttempt(container);
}

function planContainers(input: PlanInput, pod: Pod, sandboxId: string): Plan {
  const about = { probes: input.probes ?? UNWATCHED, restarting: input.restarting };
  const init = planInit(pod, input.seen, sandboxId, about);
  const main = init.initialised ? planMain(pod, input.seen, about) : { stops: [], starts: [] };
  const stops = [...init.stops, ...main.stops];
  if (stops.length > 0) return { ...NOTHING, steps: [{ kind: "stop-containers", stops }] };
  // Whoever looks into a pod that does not come up needs not wait until it has.
  const added = planStarts(input, ephemeralStarts(pod, input.seen));
  const started = planStarts(input, [...init.starts, ...main.starts]);
  return {
    ...NOTHING,
    steps: [...added.steps, ...started.steps, ...surplus(input.seen)],
    waiting: new Map([...added.waiting, ...started.waiting]),
    wakeAt: earliest(added.wakeAt, started.wakeAt),
  };
}

/** Each is started once. What the API server was told of it counts, too: the runtime may have lost its record. */
function ephemeralStarts(pod: Pod, seen: PodSnapshot | undefined): readonly Start[] {
  const told = pod.status?.ephemeralContainerStatuses ?? [];
  return ephemeralContainersOf(pod)
    .filter(({ name }) => {
      const newest = newestOf(seen, name);
      return newest ? newest.state === "created" : !told.some((one) => one.name === name && one.containerID);
    })
    .map((container) => ({ container, finishedAt: undefined }));
}

/**
 * A start whose answer was lost may still take effect, even now: what was created and not started goes before another is made, and it
 * is stopped first, for it may run meanwhile. If it did, its restart policy decides what comes next.
 */
function withdrawn({ seen, intent }: PlanInput, { name }: Container): readonly Step[] {
  const newest = newestOf(seen, name);
  if (newest?.state !== "created" || !intent.pod) return [];
  const message = `Container ${name} was created and not started, will be replaced`;
  return [
    { kind: "stop-containers", stops: [{ ...stop(intent.pod, newest, message), restart: false }] },
    { kind: "remove-container", id: newest.id, name },
  ];
}

/**
 * Spec order: one whose image or last start failed is skipped until its time comes, the next goes on;
 * a pull in progress holds the later ones, though their images are fetched meanwhile.
 */
function planStarts(input: PlanInput, starts: readonly Start[]): Pick<Plan, "steps" | "wakeAt" | "waiting"> {
  const steps: Step[] = [];
  const waiting = new Map<string, Waiting>();
  const wakes: Instant[] = [];
  let held = false;
  for (const { container, finishedAt } of starts) {
    const hold = input.hold(container, finishedAt);
    if (hold && until(input.now, hold.until) > 0) {
      waiting.set(container.name, hold);
      wakes.push(hold.until);
      continue;
    }
    const attempt = attemptOf(input, container);
    const image = input.image(container, attempt);
    if (image?.kind === "ready") {
      if (!held)
        steps.push(...withdrawn(input, container), { kind: "start-container", container, attempt, finishedAt });
    } else if (image?.kind === "failed") {
      waiting.set(container.name, image);
      if (until(input.now, image.retryAt) > 0) wakes.push(image.retryAt);
      else steps.push({ kind: "fetch-image", container, attempt });
    } else {
      if (!image) steps.push({ kind: "fetch-image", container, attempt });
      else if (image.lastFailure) waiting.set(container.name, image.lastFailure);
      held = true;
    }
  }
  return { steps, waiting, wakeAt: wakes.sort((a, b) => a - b)[0] };
}
