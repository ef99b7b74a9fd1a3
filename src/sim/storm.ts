import type { Log } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import { fullNameOf, gracePeriodOf, isStatic, nameOf, uidOf } from "../model/pod.ts";
import { Chance } from "./chance.ts";
import { SimCluster } from "./cluster.ts";
import { Disk } from "./disk.ts";
import { Faults } from "./faults.ts";
import { mayHaveEnded, rulesFor, type Wishes } from "./rules.ts";
import { SimKubelet, type SimNode, type StartCore } from "./sim-kubelet.ts";
import { VirtualTime } from "./virtual-time.ts";
import { World } from "./world.ts";

/** On a node that is well a new pod gets its sandbox within this time, whatever other pods do, ms. */
const SANDBOX_SPAN = 30_000;

export type Note = (text: () => string) => void;

/** One simulated node, what is wanted of it, and the kubelet that lives on it from one crash to the next. */
export class Storm implements SimNode, Wishes {
  readonly chance: Chance;
  readonly time = new VirtualTime();
  readonly world: World;
  readonly faults = new Faults();
  readonly disk = new Disk();
  readonly cgroupTree = new Set<string>();
  readonly rules;
  readonly wanted = new Map<string, Pod>();
  readonly known = new Map<string, Pod>();
  readonly dropped = new Set<string>();
  readonly hungEver = new Set<string>();
  readonly note: Note;
  readonly graces = new Map<string, ReadonlySet<number>>();
  readonly cluster: SimCluster | undefined;
  podNumber = 0;
  crashes = 0;
  /** Steps until the kubelet is killed; undefined: it is not. */
  stepsToKill: number | undefined;
  readonly #startCore: StartCore;
  readonly #log: Log;
  readonly #wantedAt = new Map<string, number>();
  #kubelet: SimKubelet;
  #isUp = true;

  constructor(
    seed: number,
    startCore: StartCore,
    history: string[] | undefined,
    { withCluster = false, withProbes = false }: { readonly withCluster?: boolean; readonly withProbes?: boolean } = {},
  ) {
    this.chance = new Chance(seed);
    this.world = new World(this.time, this.chance);
    this.world.hasProbes = withProbes;
    this.cluster = withCluster ? new SimCluster(this.world, this.chance) : undefined;
    this.rules = rulesFor(this.world, this);
    const { time, world } = this;
    this.note = history ? (text) => void history.push(`${(time.now() / 1000).toFixed(3)} s: ${text()}`) : () => {};
    if (history) world.onChange = (text) => this.note(() => `  ${text}`);
    world.onEmpty = (uid) => void this.dropped.delete(uid);
    this.#startCore = startCore;
    this.#log = history ? noteLog(this.note) : SILENT;
    this.#kubelet = this.#start();
  }

  get kubelet(): SimKubelet {
    return this.#kubelet;
  }

  want(pod: Pod): void {
    const uid = uidOf(pod);
    if (!this.wanted.has(uid)) this.#wantedAt.set(uid, this.time.now());
    this.wanted.set(uid, pod);
    this.known.set(uid, pod);
    this.#grant(uid, gracePeriodOf(pod));
    if (isStatic(pod)) this.#kubelet.want(this.#statics());
    else this.cluster?.bind(pod);
  }

  drop(uid: string): void {
    this.note(() => `pod ${uid} no longer wanted`);
    this.wanted.delete(uid);
    this.dropped.add(uid);
    this.#kubelet.want(this.#statics());
  }

  /** Deletes a pod in the API server; 0 s by force: it is gone there at once. Whoever deletes again can only shorten the grace. */
  deletePod(pod: Pod, grace: number | undefined): void {
    const uid = uidOf(pod);
    this.note(() => `pod ${uid} deleted with ${grace ?? "its own"} s`);
    this.wanted.delete(uid);
    this.dropped.add(uid);
    if (grace !== undefined) this.#grant(uid, grace * 1000);
    this.cluster?.delete(pod, grace);
    // What is left of a longer grace that was shortened is the server's own sum.
    const left = this.cluster?.find(nameOf(pod))?.metadata;
    if (left?.uid === uid && left.deletionGracePeriodSeconds !== undefined)
      this.#grant(uid, left.deletionGracePeriodSeconds * 1000);
  }

  #statics(): readonly Pod[] {
    return [...this.wanted.values()].filter(isStatic);
  }

  #grant(uid: string, grace: number): void {
    this.graces.set(uid, new Set([...(this.graces.get(uid) ?? []), grace]));
  }

  /** Kills the kubelet as kill -9 does, and starts it again a little later. */
  restart(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.stepsToKill = undefined;
    this.crashes++;
    this.note(() => "kubelet killed");
    this.#kubelet.kill();
    // Not at once: the kernel ends what the process had begun.
    this.time.at(this.chance.between(5, 5_000), () => {
      this.note(() => "kubelet started");
      this.#isUp = true;
      this.#kubelet = this.#start();
    });
  }

  /** Lets time pass. */
  async pass(span: number): Promise<void> {
    await this.time.runUntil(this.time.now() + span, () => {
      if (this.stepsToKill !== undefined && --this.stepsToKill <= 0) this.restart();
    });
  }

  /** I4, on a node where only single pods are in trouble: every other pod gets on. */
  checkProgress(): void {
    const names = new Map<string, number>();
    for (const uid of new Set([...this.world.uids(), ...this.wanted.keys(), ...this.dropped])) {
      const pod = this.known.get(uid);
      if (pod) names.set(fullNameOf(pod), (names.get(fullNameOf(pod)) ?? 0) + 1);
    }
    for (const [uid, pod] of this.wanted) {
      // Whoever waits for its name begins when the name is free.
      if ((names.get(fullNameOf(pod)) ?? 0) > 1) this.#wantedAt.set(uid, this.time.now());
      const since = this.time.now() - (this.#wantedAt.get(uid) ?? 0);
      if (since < SANDBOX_SPAN || this.dropped.has(uid) || this.hungEver.has(uid)) continue;
      if (this.world.sandboxesOf(uid).size > 0) continue;
      if (!mayHaveEnded(this.world, this, uid)) this.world.violate(`I4 pod ${uid} has no sandbox after ${since} ms`);
    }
  }

  #start(): SimKubelet {
    this.world.kubeletSince = this.time.now();
    return new SimKubelet(this, this.#statics(), this.#startCore, this.#log);
  }
}

/** What the kubelet logs, among what happens to it. */
function noteLog(note: Note): Log {
  const line = (message: string, fields?: object) => note(() => `    ${message} ${JSON.stringify(fields ?? {})}`);
  return {
    error: line,
    warn: line,
    info: line,
    debug: (_, message, fields) => line(message, fields),
    with: () => noteLog(note),
  };
}

const SILENT: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => SILENT };
