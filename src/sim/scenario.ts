import { ADVERSE, choose, type Deed, HOSTILE, USUAL } from "./deeds.ts";
import { CLUSTER_DEEDS, down } from "./deeds-cluster.ts";
import { flawsOf, illnessesOf } from "./outcome.ts";
import { REGRESSIONS } from "./regressions.ts";
import type { StartCore } from "./sim-kubelet.ts";
import { Storm } from "./storm.ts";

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, for a person who looks for the cause; empty unless asked for. */
  readonly history: readonly string[];
  readonly starts: number;
  readonly crashes: number;
}

/** Each fourth seed is a node of a cluster. */
const isClusterSeed = (seed: number): boolean => seed % 4 === 0;

/** Seeds that were kept from before there were probes are to go on as they did. */
const hasProbes = (seed: number): boolean => !REGRESSIONS.some((one) => one.seed === seed && one.probes === false);

const STORM_MS = 60_000;
/** When the faults have stopped, everything must be as wanted within this time: the slow sweep and the longest back-off lie in it. */
const CALM_MS = 20 * 60_000;
/** What came to be as wanted stays so. */
const STAY_MS = 15_000;
/** Whoever fell ill while there were faults is found ill when there are none. */
const ILLNESS_MS = 130_000;
/** The longest that acting on something takes: a stop with its grace, ms. */
const ACT_MS = 60_000;

/**
 * One run: a storm of pods, crashes and faults, then calm, then a look at what is left. The same seed gives the same run, with history
 * or without.
 */
export async function runScenario(
  seed: number,
  startCore: StartCore,
  { withHistory = false }: { readonly withHistory?: boolean } = {},
): Promise<Outcome> {
  const history: string[] = [];
  const storm = new Storm(seed, startCore, withHistory ? history : undefined, {
    withCluster: isClusterSeed(seed),
    withProbes: hasProbes(seed),
  });
  const { world, chance, faults, time, cluster } = storm;
  // On some nodes nothing is wrong but single pods: there every other pod must get on.
  const isWell = chance.happens(0.15);
  if (!isWell) {
    faults.callFailures = chance.pick([0, 0, 0.02, 0.1]);
    faults.lostEvents = chance.pick([0, 0.05, 0.5, 1]);
    faults.repeatedEvents = chance.pick([0, 0.2]);
    faults.pullFailures = chance.pick([0, 0.3]);
    faults.diskErrors = chance.pick([0, 0, 0, 0.01, 0.05]);
    faults.lateStops = chance.pick([0, 0.3]);
  }
  const deeds = cluster ? clusterDeeds(storm, isWell) : isWell ? USUAL : HOSTILE;
  const quiet = chance.pick([1_500, 4_000, 8_000]);
  while (time.now() < STORM_MS && world.violations.length === 0) {
    choose(deeds, chance)(storm);
    await storm.pass(chance.between(0, quiet));
    if (isWell && !cluster) storm.checkProgress();
  }
  await storm.pass(5_000);
  if (cluster && chance.happens(0.1)) await hoursWithoutServer(storm);
  storm.note(() => "faults stop");
  faults.stop();
  cluster?.calm();
  storm.stepsToKill = undefined;
  // Mostly the runtime's next connection tells what events did not. Now and then only the slow sweep can.
  const onlySweep = chance.happens(0.05);
  if (!onlySweep) faults.cut();
  for (const flaw of await settle(storm, onlySweep ? CALM_MS : 0)) world.violate(flaw);
  if (world.violations.length === 0) {
    await storm.pass(ILLNESS_MS);
    for (const flaw of illnessesOf(world, storm)) world.violate(flaw);
  }
  storm.kubelet.kill();
  return { seed, violations: world.violations, history, starts: world.starts, crashes: storm.crashes };
}

/** On a node of a cluster everything may go wrong with the API server too. */
function clusterDeeds({ cluster, chance }: Storm, isWell: boolean): readonly Deed[] {
  if (cluster && !isWell) {
    cluster.faults.failures = chance.pick([0, 0, 0.1, 0.4]);
    cluster.faults.lostAnswers = chance.pick([0, 0, 0.1, 0.3]);
    cluster.server.cacheLag = chance.pick([0, 0, 5]);
  }
  return isWell ? CLUSTER_DEEDS : [...CLUSTER_DEEDS, ...ADVERSE];
}

/** The API server is away for hours, with nothing wrong on the node: pods go on, whatever crashes starts again. */
async function hoursWithoutServer(storm: Storm): Promise<void> {
  const hours = storm.chance.between(1, 5);
  storm.faults.stop();
  down(storm, hours * 3_600_000);
  const before = storm.world.starts;
  await storm.pass(hours * 3_600_000);
  storm.note(() => `${storm.world.starts - before} starts while the API server was away`);
}

/** Waits until all is as wanted, for `least` at least, and some time more; what is not by then is returned. */
async function settle(storm: Storm, least: number): Promise<readonly string[]> {
  const begin = storm.time.now();
  await storm.pass(least);
  while (storm.world.violations.length === 0) {
    await storm.pass(STAY_MS);
    const flaws = flawsOf(storm, storm, storm.kubelet);
    if (flaws.length > 0 && storm.time.now() - begin < CALM_MS) continue;
    if (flaws.length > 0) return flaws;
    await storm.pass(STAY_MS);
    // What just happened may still be under way.
    const before = new Set(flawsOf(storm, storm, storm.kubelet));
    if (before.size > 0) await storm.pass(ACT_MS);
    return flawsOf(storm, storm, storm.kubelet).filter((flaw) => before.has(flaw));
  }
  return [];
}
