import { containersOf } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import { hasEnded, mayHaveEnded, type Wishes } from "./rules.ts";
import type { SimKubelet, SimNode } from "./sim-kubelet.ts";
import type { SimContainer } from "./world.ts";

/** I7 and I8, when the faults have long stopped: what is wanted is there, nothing else is, and the status says so. */
export function checkOutcome(node: SimNode, wishes: Wishes, kubelet: SimKubelet): void {
  const { world, disk, cgroupTree } = node;
  // Of two pods of one name only the first runs; the second waits for it.
  const expected = new Set(kubelet.admitted());
  for (const [uid, pod] of wishes.wanted) {
    if (!expected.has(uid) || mayHaveEnded(world, wishes, uid)) continue;
    const sandboxes = [...world.sandboxes.values()].filter(
      ({ state, config }) => state === "ready" && config.metadata.uid === uid,
    );
    if (hasFailedInit(node, wishes, uid)) continue;
    if (sandboxes.length !== 1) world.violate(`I7 pod ${uid} has ${sandboxes.length} ready sandboxes`);
    for (const spec of containersOf(pod)) {
      const own = [...world.containers.values()].filter((one) => one.uid === uid && one.config.name === spec.name);
      if (own.length === 0 && !initMayBlock(node, uid))
        world.violate(`I7 container ${spec.name} of pod ${uid} never started`);
      const alive = own.some(({ state }) => state === "running");
      const restarting = own.some(({ state, exitCode }) => state === "exited" && mayRestart(pod, spec, exitCode));
      const done = own.some(({ state }) => state === "exited");
      if (own.length > 0 && !alive && !restarting && !done) {
        world.violate(`I7 container ${spec.name} of pod ${uid} is ${own.map(({ state }) => state).join()}`);
      }
    }
  }
  for (const { id, config, ip } of world.sandboxes.values()) {
    const { uid } = config.metadata;
    if (!wishes.wanted.has(uid)) world.violate(`I7 sandbox ${id} of pod ${uid} is left, nobody wants it`);
    else if (ip && hasEnded(world, wishes, uid)) world.violate(`I8 ended pod ${uid} holds address ${ip}`);
  }
  for (const { id, uid } of world.containers.values()) {
    if (!wishes.wanted.has(uid)) world.violate(`I7 container ${id} of pod ${uid} is left, nobody wants it`);
  }
  const uidIn = (path: string) => /uid-\d+/.exec(path)?.[0];
  for (const path of [...disk.nodes.keys(), ...disk.mounts.keys(), ...cgroupTree]) {
    const uid = uidIn(path);
    if (uid && !wishes.wanted.has(uid)) world.violate(`I8 ${path} is left of a pod that nobody wants`);
  }
  for (const { uid, phase } of kubelet.phases()) {
    if (!wishes.wanted.has(uid)) world.violate(`I9 a status of pod ${uid} is left`);
    const running = [...world.containers.values()].some((one) => one.uid === uid && one.state === "running");
    if ((phase === "Succeeded" || phase === "Failed") && running) {
      world.violate(`I7 pod ${uid} is told to be ${phase} while a container of it runs`);
    }
  }
}

/** An init container that ended for good without success ends the pod. */
function hasFailedInit({ world }: SimNode, wishes: Wishes, uid: string): boolean {
  const pod = wishes.known.get(uid);
  return (pod?.spec?.initContainers ?? []).some((spec) =>
    [...world.containers.values()].some(
      (one: SimContainer) =>
        pod !== undefined &&
        one.uid === uid &&
        one.config.name === spec.name &&
        one.state === "exited" &&
        one.exitCode !== 0 &&
        !mayRestart(pod, spec, one.exitCode),
    ),
  );
}

/** An init container that runs for ever or fails again and again keeps the regular ones waiting, rightly. */
function initMayBlock({ world }: SimNode, uid: string): boolean {
  return [...world.containers.values()].some((one) => one.uid === uid && one.config.name.startsWith("init-"));
}
