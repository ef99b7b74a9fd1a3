import type { Log } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import { Chance } from "./chance.ts";
import { Faults } from "./faults.ts";
import { checkOutcome } from "./outcome.ts";
import { randomPod, withNewImage } from "./pods.ts";
import { hasEnded, rulesFor } from "./rules.ts";
import { Disk } from "./sim-files.ts";
import { SimKubelet, type StartCore } from "./sim-kubelet.ts";
import { VirtualTime } from "./virtual-time.ts";
import { World } from "./world.ts";

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, for a person who looks for the cause. */
  readonly history: readonly string[];
  readonly starts: number;
  readonly crashes: number;
}

const STORM_MS = 120_000;
/** When the faults have stopped, everything must be as wanted within this time: the slow sweep and the longest back-off lie in it. */
const CALM_MS = 20 * 60_000;

/** One run: a storm of pods, crashes and faults, then calm, then a look at what is left. The same seed gives the same run. */
export async function runScenario(seed: number, startCore: StartCore): Promise<Outcome> {
  const chance = new Chance(seed);
  const time = new VirtualTime();
  const world = new World(time, chance);
  const faults = new Faults();
  const wanted = new Map<string, Pod>();
  const known = new Map<string, Pod>();
  const node = {
    world,
    time,
    chance,
    faults,
    disk: new Disk(),
    cgroupTree: new Set<string>(),
    rules: rulesFor(world, { wanted, known }),
  };
  const history: string[] = [];
  const note = (text: string) => void history.push(`${(time.now() / 1000).toFixed(3)} s: ${text}`);
  world.onChange = (text) => note(`  ${text}`);
  const log = noteLog(note);
  let crashes = 0;
  let pods = 0;
  let kubelet = new SimKubelet(node, [...wanted.values()], startCore, log);

  let up = true;
  function restart(): void {
    if (!up) return;
    up = false;
    crashes++;
    note("kubelet killed");
    kubelet.kill();
    const down = chance.between(0, 5_000);
    time.at(down, () => {
      note("kubelet started");
      up = true;
      kubelet = new SimKubelet(node, [...wanted.values()], startCore, log);
    });
  }

  function set(pod: Pod): void {
    wanted.set(uidOf(pod), pod);
    known.set(uidOf(pod), pod);
    kubelet.want([...wanted.values()]);
  }

  const deeds: readonly [weight: number, deed: () => void][] = [
    [
      8,
      () => {
        const pod = randomPod(pods++, chance, world);
        note(`pod ${uidOf(pod)} wanted`);
        set(pod);
      },
    ],
    [
      4,
      () =>
        withSome(wanted, chance, (uid) => {
          note(`pod ${uid} no longer wanted`);
          wanted.delete(uid);
          kubelet.want([...wanted.values()]);
        }),
    ],
    [
      1,
      () =>
        withSome(wanted, chance, (uid, pod) => {
          // What ended stays ended, also for the Go kubelet: a new image does not wake it.
          if (hasEnded(world, { wanted, known }, uid)) return;
          note(`pod ${uid} gets another image`);
          set(withNewImage(pod, chance));
        }),
    ],
    [2, restart],
    [
      1,
      () => {
        note("runtime down");
        faults.down = true;
        time.at(chance.between(100, 20_000), () => {
          faults.down = false;
          note("runtime back");
        });
      },
    ],
    [
      1,
      () =>
        withSome(world.sandboxes, chance, (id, sandbox) => {
          note(`sandbox ${id} breaks`);
          world.breakSandbox(sandbox);
        }),
    ],
    [
      1,
      () =>
        withSome(world.containers, chance, (id, container) => {
          note(`container ${id} is killed from outside`);
          world.end(container, 137, "Error");
        }),
    ],
    [
      1,
      () => {
        const span = chance.pick([-3_600_000, -60_000, 1_000, 60_000, 3_600_000]);
        note(`wall clock jumps by ${span} ms`);
        time.jumpWall(span);
      },
    ],
    [
      1,
      () => {
        note("disk full");
        faults.diskFull = true;
        time.at(chance.between(1_000, 20_000), () => {
          faults.diskFull = false;
        });
      },
    ],
  ];
  faults.callFailures = chance.pick([0, 0, 0.02, 0.1]);
  faults.lostEvents = chance.pick([0, 0.05, 0.5]);
  faults.repeatedEvents = chance.pick([0, 0.2]);
  faults.pullFailures = chance.pick([0, 0.3]);

  const check = () => {};
  const quiet = chance.pick([1_000, 4_000, 10_000]);
  while (time.now() < STORM_MS && world.violations.length === 0) {
    weighted(deeds, chance)();
    await time.runUntil(time.now() + chance.between(0, quiet), check);
  }
  note("faults stop");
  await time.runUntil(time.now() + 20_000, check);
  faults.stop();
  await time.runUntil(time.now() + CALM_MS, check);
  if (world.violations.length === 0) checkOutcome(node, { wanted, known }, kubelet);
  kubelet.kill();
  return { seed, violations: world.violations, history, starts: world.starts, crashes };
}

/** What the kubelet logs, among what happens to it. */
function noteLog(note: (text: string) => void): Log {
  const line = (message: string, fields?: object) => note(`    ${message} ${JSON.stringify(fields ?? {})}`);
  return {
    error: line,
    warn: line,
    info: line,
    debug: (_, message, fields) => line(message, fields),
    with: () => noteLog(note),
  };
}

function weighted(deeds: readonly [number, () => void][], chance: Chance): () => void {
  const total = deeds.reduce((sum, [weight]) => sum + weight, 0);
  let left = chance.between(1, total);
  for (const [weight, deed] of deeds) {
    left -= weight;
    if (left <= 0) return deed;
  }
  return () => {};
}

function withSome<K, V>(items: ReadonlyMap<K, V>, chance: Chance, act: (key: K, value: V) => void): void {
  if (items.size === 0) return;
  const [key, value] = chance.pick([...items]);
  act(key, value);
}
