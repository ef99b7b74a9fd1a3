import { fullNameOf, uidOf } from "../model/pod.ts";
import type { Chance } from "./chance.ts";
import { randomPod, withNewImage } from "./pods.ts";
import { hasEnded } from "./rules.ts";
import type { Storm } from "./storm.ts";

/** One thing that may happen, and how often in comparison to the others. */
export interface Deed {
  readonly weight: number;
  readonly act: (storm: Storm) => void;
}

const wantPod: Deed = {
  weight: 8,
  act: (storm) => {
    const pod = randomPod(storm.podNumber++, storm.chance, storm.world);
    storm.note(() => `pod ${uidOf(pod)} (${fullNameOf(pod)}) wanted`);
    storm.want(pod);
  },
};

const dropPod: Deed = { weight: 4, act: (storm) => withSome(storm.wanted, storm.chance, (uid) => storm.drop(uid)) };

/** Its file is replaced by a remove and a write: gone for a moment, or for so short that nobody sees it. */
const flapPod: Deed = {
  weight: 1,
  act: (storm) =>
    withSome(storm.wanted, storm.chance, (uid, pod) => {
      storm.drop(uid);
      const again = () => {
        if (storm.wanted.has(uid)) return;
        storm.note(() => `pod ${uid} wanted again`);
        storm.want(pod);
      };
      if (storm.chance.happens(0.3)) again();
      else storm.time.at(storm.chance.pick([1, 50, 500, 5_000]), again);
    }),
};

const changeImage: Deed = {
  weight: 1,
  act: (storm) =>
    withSome(storm.wanted, storm.chance, (uid, pod) => {
      // What ended stays ended, also for the Go kubelet: a new image does not wake it.
      if (hasEnded(storm.world, storm, uid)) return;
      storm.note(() => `pod ${uid} gets another image`);
      storm.want(withNewImage(pod, storm.chance));
    }),
};

const killKubelet: Deed = { weight: 1, act: (storm) => storm.restart() };

/** In the middle of whatever it does: after some step of the world from now. */
const killKubeletLater: Deed = {
  weight: 1,
  act: (storm) => {
    storm.stepsToKill = storm.chance.between(1, 300);
  },
};

const runtimeDown: Deed = {
  weight: 1,
  act: ({ faults, time, chance, note }) => {
    note(() => "runtime down");
    faults.down = true;
    faults.cut();
    time.at(chance.between(100, 20_000), () => {
      faults.down = false;
      note(() => "runtime back");
    });
  },
};

/** It forgets nothing, but calls in flight never get their answer; a crash makes it lose track of what it ran. */
const runtimeRestart: Deed = {
  weight: 1,
  act: ({ faults, time, chance, note, world }) => {
    const crash = chance.happens(0.3);
    note(() => (crash ? "runtime crashes" : "runtime restarts"));
    if (crash) for (const container of world.containers.values()) if (chance.happens(0.3)) world.forget(container);
    faults.down = true;
    faults.cut();
    time.at(chance.between(1, 2_000), () => {
      faults.down = false;
    });
  },
};

const noEvents: Deed = {
  weight: 1,
  act: ({ faults, time, chance, note }) => {
    note(() => "no event source");
    faults.deaf = true;
    faults.cut();
    time.at(chance.between(100, 30_000), () => {
      faults.deaf = false;
      note(() => "event source back");
    });
  },
};

const breakSandbox: Deed = {
  weight: 1,
  act: ({ world, chance, note }) =>
    withSome(world.sandboxes, chance, (id, sandbox) => {
      note(() => `sandbox ${id} breaks`);
      world.breakSandbox(sandbox);
    }),
};

export const killContainer: Deed = {
  weight: 1,
  act: ({ world, chance, note }) =>
    withSome(world.containers, chance, (id, container) => {
      note(() => `container ${id} is killed from outside`);
      world.end(container, 137, "Error");
    }),
};

const removeImage: Deed = {
  weight: 1,
  act: ({ faults, chance, note }) => {
    if (faults.images.size === 0) return;
    const image = chance.pick([...faults.images]);
    note(() => `image ${image} is removed from outside`);
    faults.images.delete(image);
  },
};

const jumpClock: Deed = {
  weight: 1,
  act: ({ time, chance, note }) => {
    const span = chance.pick([-3_600_000, -60_000, 1_000, 60_000, 3_600_000]);
    note(() => `wall clock jumps by ${span} ms`);
    time.jumpWall(span);
  },
};

const fillDisk: Deed = {
  weight: 1,
  act: ({ faults, time, chance, note }) => {
    note(() => "disk full");
    faults.diskFull = true;
    time.at(chance.between(1_000, 20_000), () => {
      faults.diskFull = false;
    });
  },
};

/** Everything that concerns one pod hangs: its calls to the runtime, its mounts. */
export const hangPod: Deed = {
  weight: 1,
  act: ({ faults, wanted, chance, time, note, hungEver }) =>
    withSome(wanted, chance, (uid) => {
      note(() => `pod ${uid} hangs`);
      faults.hung.add(uid);
      hungEver.add(uid);
      time.at(chance.between(1_000, 100_000), () => {
        faults.hung.delete(uid);
        note(() => `pod ${uid} hangs no more`);
      });
    }),
};

/** What happens also on a node that is well. */
export const USUAL: readonly Deed[] = [wantPod, dropPod, flapPod, changeImage, killContainer, hangPod];

/** What goes wrong with the machine, whoever wants the pods. */
export const ADVERSE: readonly Deed[] = [
  killKubelet,
  killKubeletLater,
  runtimeDown,
  runtimeRestart,
  noEvents,
  breakSandbox,
  removeImage,
  jumpClock,
  fillDisk,
];

export const HOSTILE: readonly Deed[] = [...USUAL, ...ADVERSE];

export function choose(deeds: readonly Deed[], chance: Chance): Deed["act"] {
  let left = chance.between(
    1,
    deeds.reduce((sum, { weight }) => sum + weight, 0),
  );
  for (const { weight, act } of deeds) {
    left -= weight;
    if (left <= 0) return act;
  }
  return () => {};
}

function withSome<K, V>(items: ReadonlyMap<K, V>, chance: Chance, act: (key: K, value: V) => void): void {
  if (items.size === 0) return;
  const [key, value] = chance.pick([...items]);
  act(key, value);
}
