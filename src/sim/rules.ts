import { containerHash } from "../model/container-hash.ts";
import type { Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONTAINER_HASH } from "../model/names.ts";
import { containersOf, initContainersOf, isSidecar } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { SandboxConfig } from "../model/runtime.ts";
import type { Judge } from "./sim-runtime.ts";
import type { SimContainer, SimSandbox, World } from "./world.ts";

/** What is wanted of the node, as the scenario knows it: UID -> newest spec, and every spec that ever was. */
export interface Wishes {
  readonly wanted: ReadonlyMap<string, Pod>;
  readonly known: ReadonlyMap<string, Pod>;
  /** UIDs that were taken back at a time when something of them was there or in the making: they go once, also if they are wanted again. */
  readonly dropped: ReadonlySet<string>;
  /** Every grace, ms, that a pod was ever granted for its stop: by its spec, by whoever deleted it. */
  readonly graces: ReadonlyMap<string, ReadonlySet<number>>;
}

/** Shortest wait before a second restart, less what rounding takes, ms. */
const CRASH_WAIT = 8_900;
/** A worker that knew of an end for this long does not start a sidecar any more: the steps of a plan and their calls lie in it, ms. */
const PLAN_SPAN = 5_000;

/**
 * Every call that changes something must have a cause that can be seen in the world at that moment:
 * I2 nothing is stopped without one, I6 the grace is the pod's, I10 what ended never starts again.
 */
export function rulesFor(world: World, wishes: Wishes): Judge {
  const isWanted = (uid: string) => wishes.wanted.has(uid) && !wishes.dropped.has(uid);
  return {
    onRunSandbox({ metadata }: SandboxConfig) {
      const ready = [...world.sandboxesOf(metadata.uid)].filter(({ state }) => state === "ready");
      // A call whose answer was lost may leave one behind; it must be found before the next is made.
      if (ready.length > 0 && !ready.some(({ answerLost }) => answerLost)) {
        world.violate(`I1 sandbox ${metadata.attempt} of pod ${metadata.uid} is made beside a ready one`);
      }
      if (hasEnded(world, wishes, metadata.uid)) world.violate(`I10 pod ${metadata.uid} ended and gets a new sandbox`);
    },
    onStopSandbox({ state, config }: SimSandbox) {
      const { uid } = config.metadata;
      if (state !== "ready" || !isWanted(uid) || mayHaveEnded(world, wishes, uid)) return;
      if (readySandboxes(world, uid) < 2) world.violate(`I2 the only sandbox of pod ${uid} is stopped without a cause`);
    },
    onStart(container: SimContainer) {
      const { uid, config, askedAt } = container;
      checkBackoff(world, container);
      const pod = wishes.known.get(uid);
      if (!pod || !hasEnded(world, wishes, uid, container)) return;
      // The others may have ended while this start was on its way.
      const sidecars = new Set(
        initContainersOf(pod)
          .filter(isSidecar)
          .map(({ name }) => name),
      );
      const ends = [...world.containersOf(uid)].filter(
        (other) => other !== container && !sidecars.has(other.config.name),
      );
      const known = ends.every(({ toldEndAt }) => toldEndAt !== undefined && toldEndAt < askedAt - PLAN_SPAN);
      if (known || !sidecars.has(config.name))
        world.violate(`I10 container ${config.name} of pod ${uid}, which ended, starts again`);
    },
    onStop(container: SimContainer, graceMs: number) {
      const { uid, config, sandboxId } = container;
      const pod = wishes.known.get(uid);
      if (container.state !== "running" || !pod) return;
      // Nobody knew that it had started: its removal may have been on the way.
      if (!container.startTold && world.time.now() - container.beganAt < 1_000) return;
      const granted = [...(wishes.graces.get(uid) ?? [])].map((grace) => Math.max(2_000, grace));
      const [least, most] = [Math.min(...granted), Math.max(...granted)];
      const sidecar = initContainersOf(pod).some((spec) => spec.name === config.name && isSidecar(spec));
      if (graceMs > most || (graceMs < least && !sidecar)) {
        const due = granted.join(" or ");
        world.violate(`I6 container ${config.name} of pod ${uid} is stopped with ${graceMs} ms of grace, not ${due}`);
      }
      if (container.forgotten || !container.startTold) return;
      const changed = specHash(wishes, uid, config.name) !== config.annotations[ANNOTATION_CONTAINER_HASH];
      const broken = world.sandboxes.get(sandboxId)?.state !== "ready" || readySandboxes(world, uid) > 1;
      const unwell = isProbed(pod, config.name) && world.isSick(container);
      if (isWanted(uid) && !changed && !broken && !unwell && !mayHaveEnded(world, wishes, uid)) {
        world.violate(`I2 container ${config.name} of pod ${uid} is stopped without a cause`);
      }
    },
  };
}

const isProbed = (pod: Pod, name: string): boolean =>
  containersOf(pod).some((spec) => spec.name === name && (spec.livenessProbe ?? spec.startupProbe) !== undefined);

/** The first restart comes at once; before each further one its container has been dead for ten seconds at least. */
function checkBackoff(world: World, container: SimContainer): void {
  const last = world.lastEnded(container);
  const before = last?.previous;
  if (!last || !before) return;
  const hash = (one: SimContainer) => one.config.annotations[ANNOTATION_CONTAINER_HASH];
  const changed = hash(container) !== hash(last) || hash(last) !== hash(before);
  // Back-off is on the wall clock, which upstream's is too, and does not outlive the process.
  const since = Math.max(world.kubeletSince, world.time.jumpedAt);
  if (changed || last.stopAsked || before.stopAsked || before.askedAt < since || last.endedAt === undefined) return;
  const dead = container.askedAt - last.endedAt;
  if (dead < CRASH_WAIT) {
    world.violate(`back-off: container ${container.config.name} of pod ${container.uid} restarts after ${dead} ms`);
  }
}

const readySandboxes = (world: World, uid: string): number =>
  [...world.sandboxesOf(uid)].filter(({ state }) => state === "ready").length;

function specHash(wishes: Wishes, uid: string, name: string): string | undefined {
  const pod = wishes.wanted.get(uid);
  const spec = pod && [...initContainersOf(pod), ...containersOf(pod)].find((container) => container.name === name);
  return spec && containerHash(spec);
}

/** Whether every regular container ended for good, or an init container failed for good before any began in its sandbox. `besides`: the one about to start. */
export function hasEnded(world: World, wishes: Wishes, uid: string, besides?: SimContainer): boolean {
  return ended(world, wishes, uid, (last) => wasReplaced(world, wishes, last), besides);
}

/**
 * Also true where a container was stopped in order to be replaced and its policy forbids a restart: a kubelet killed in between can't
 * tell that from an end of its own, and both ways to go on are right.
 */
export const mayHaveEnded = (world: World, wishes: Wishes, uid: string): boolean =>
  ended(world, wishes, uid, () => false);

function ended(
  world: World,
  wishes: Wishes,
  uid: string,
  goesOn: (last: SimContainer) => boolean,
  besides?: SimContainer,
): boolean {
  const pod = wishes.known.get(uid);
  if (!pod) return false;
  const own = [...world.containersOf(uid)].filter((container) => container !== besides);
  const newest = (name: string) =>
    own.filter(({ config }) => config.name === name).reduce<SimContainer | undefined>(later, undefined);
  const overFor = (name: string, restartable: (exitCode: number) => boolean) => {
    const last = newest(name);
    return last?.state === "exited" && !restartable(last.exitCode) && !goesOn(last);
  };
  const hasBegunIn = (sandboxId: string) =>
    containersOf(pod).some(({ name }) => own.some((one) => one.config.name === name && one.sandboxId === sandboxId));
  const failedInit = initContainersOf(pod).some((spec) => {
    const last = newest(spec.name);
    if (isSidecar(spec) || last === undefined || last.exitCode === 0 || hasBegunIn(last.sandboxId)) return false;
    return overFor(spec.name, (code) => mayRestart(pod, spec, code));
  });
  if (failedInit) return true;
  return containersOf(pod).every((spec) => overFor(spec.name, (exitCode) => mayRestart(pod, spec, exitCode)));
}

/** By order of making, not by time: the clock may jump. */
const later = (a: SimContainer | undefined, b: SimContainer): SimContainer =>
  a && Number(a.id.slice(1)) > Number(b.id.slice(1)) ? a : b;

/** It was stopped because its definition changed, it failed a probe or the runtime lost it: that is not an end of its own. */
function wasReplaced(world: World, wishes: Wishes, one: SimContainer): boolean {
  const { uid, config, stopAsked, wasForgotten } = one;
  if (wasForgotten || !stopAsked) return wasForgotten;
  const pod = wishes.known.get(uid);
  const unwell = pod && pod.spec?.restartPolicy !== "Never" && isProbed(pod, config.name) && world.isSick(one);
  return unwell || specHash(wishes, uid, config.name) !== config.annotations[ANNOTATION_CONTAINER_HASH];
}
