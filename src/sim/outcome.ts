import { containersOf, isTerminalPhase } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import { clusterFlaws, fileFlaws } from "./outcome-cluster.ts";
import { hasEnded, mayHaveEnded, type Wishes } from "./rules.ts";
import type { SimKubelet, SimNode } from "./sim-kubelet.ts";
import type { SimContainer, World } from "./world.ts";

/** Longest crash back-off, one slow sweep, and time to act, ms. */
const LONGEST_WAIT = 300_000 + 300_000 + 60_000;

/** Of a container with a liveness probe: three periods of ten seconds, the longest grace, and time to act, ms. */
const LONGEST_ILLNESS = 120_000;

/** I7, I8 and I9, some time after the faults stopped: what differs from what is wanted. */
export function flawsOf(node: SimNode, wishes: Wishes, kubelet: SimKubelet): readonly string[] {
  const { world, disk, cgroupTree, time } = node;
  const flaws: string[] = [];
  const flaw = (text: string) => void flaws.push(text);
  const told = new Set(kubelet.admitted());
  const present = new Set([...world.sandboxes.values()].map(({ config }) => config.metadata.uid));
  for (const [uid, pod] of wishes.wanted) {
    if (!told.has(uid)) flaw(`I7 pod ${uid} is wanted and has no status`);
    // Of two pods of one name only one runs; the other waits for it.
    const waits = [...wishes.wanted].some(
      ([other, { metadata }]) => other !== uid && metadata?.name === pod.metadata?.name && present.has(other),
    );
    // What an earlier kubelet left of it waits with it.
    if (waits || mayHaveEnded(world, wishes, uid)) continue;
    const sandboxes = [...world.sandboxesOf(uid)].filter(({ state }) => state === "ready");
    if (hasFailedInit(node, wishes, uid)) continue;
    if (sandboxes.length !== 1) flaw(`I7 pod ${uid} has ${sandboxes.length} ready sandboxes`);
    for (const spec of containersOf(pod)) {
      const own = [...world.containersOf(uid)].filter(({ config }) => config.name === spec.name);
      if (own.length === 0 && !initMayBlock(node, uid)) flaw(`I7 container ${spec.name} of pod ${uid} never started`);
      const alive = own.some(({ state }) => state === "running");
      const restarting = own.some(
        ({ state, exitCode, endedAt = 0 }) =>
          state === "exited" && mayRestart(pod, spec, exitCode) && endedAt > time.now() - LONGEST_WAIT,
      );
      const done = own.some(({ state, exitCode }) => state === "exited" && !mayRestart(pod, spec, exitCode));
      if (own.length > 0 && !alive && !restarting && !done) {
        flaw(`I7 container ${spec.name} of pod ${uid} is ${own.map(({ state }) => state).join()}`);
      }
    }
  }
  for (const { id, config, ip } of world.sandboxes.values()) {
    const { uid } = config.metadata;
    if (!wishes.wanted.has(uid)) flaw(`I7 sandbox ${id} of pod ${uid} is left, nobody wants it`);
    else if (ip && hasEnded(world, wishes, uid)) flaw(`I8 ended pod ${uid} holds address ${ip}`);
  }
  for (const { id, uid } of world.containers.values()) {
    if (!wishes.wanted.has(uid)) flaw(`I7 container ${id} of pod ${uid} is left, nobody wants it`);
  }
  const uidIn = (path: string) => /uid-\d+/.exec(path)?.[0];
  for (const path of [...disk.paths(), ...disk.mounts.keys(), ...cgroupTree]) {
    const uid = uidIn(path);
    if (uid && !wishes.wanted.has(uid)) flaw(`I8 ${path} is left of a pod that nobody wants`);
  }
  for (const { uid, phase } of kubelet.phases()) {
    if (!wishes.wanted.has(uid)) flaw(`I9 a status of pod ${uid} is left`);
    const running = [...world.containersOf(uid)].some(({ state }) => state === "running");
    if (isTerminalPhase(phase) && running) {
      flaw(`I7 pod ${uid} is told to be ${phase} while a container of it runs`);
    }
  }
  const { cluster } = node;
  const shown = cluster ? [...clusterFlaws(cluster, wishes, world), ...fileFlaws(cluster, disk, world)] : [];
  return [...flaws, ...shown, ...growthOf(world, wishes, kubelet.sizes())];
}

/** Containers that fail their liveness probe for long and go on. */
export function illnessesOf(world: World, wishes: Wishes): readonly string[] {
  return [...wishes.wanted].flatMap(([uid, pod]) => {
    const probed = new Set(containersOf(pod).flatMap(({ name, livenessProbe }) => (livenessProbe ? [name] : [])));
    const ill = [...world.containersOf(uid)].filter(
      (one) => probed.has(one.config.name) && one.state === "running" && world.sickFor(one) > LONGEST_ILLNESS,
    );
    return ill.map(({ config }) => `I7 container ${config.name} of pod ${uid} fails its liveness probe and goes on`);
  });
}

/** I9: nothing that a kubelet remembers is about something that is gone. */
function growthOf(world: World, wishes: Wishes, sizes: Readonly<Record<string, number>>): readonly string[] {
  const instances = world.sandboxes.size + world.containers.size;
  const limits: Readonly<Record<string, number>> = {
    snapshots: wishes.wanted.size,
    // An instance that came and went between two readings is remembered until its pod is gone.
    owners: instances + wishes.wanted.size,
    readings: wishes.wanted.size,
    afresh: instances,
    exits: instances + wishes.wanted.size,
    workers: wishes.wanted.size,
    statuses: wishes.wanted.size,
    images: wishes.wanted.size,
    probes: instances,
    events: 2_000,
    stories: 3 * wishes.wanted.size,
    reports: wishes.wanted.size,
    volumeUpdates: wishes.wanted.size,
    references: wishes.wanted.size,
    tokens: wishes.wanted.size,
    referencedObjects: 1,
    serviceNamespaces: 1,
  };
  return Object.entries(sizes)
    .filter(([name, size]) => size > (limits[name] ?? 0))
    .map(([name, size]) => `I9 ${size} ${name} are kept, not ${limits[name]}`);
}

/** An init container that ended for good without success ends the pod. */
function hasFailedInit({ world }: SimNode, wishes: Wishes, uid: string): boolean {
  const pod = wishes.known.get(uid);
  return (pod?.spec?.initContainers ?? []).some((spec) =>
    [...world.containersOf(uid)].some(
      (one: SimContainer) =>
        pod !== undefined &&
        one.config.name === spec.name &&
        one.state === "exited" &&
        one.exitCode !== 0 &&
        !mayRestart(pod, spec, one.exitCode),
    ),
  );
}

/** An init container that runs for ever or fails again and again keeps the regular ones waiting, rightly. */
function initMayBlock({ world }: SimNode, uid: string): boolean {
  return [...world.containersOf(uid)].some(({ config }) => config.name.startsWith("init-"));
}
