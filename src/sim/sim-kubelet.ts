import { Bell } from "../base/bell.ts";
import type { Log } from "../base/log.ts";
import type { Node, Pod } from "../model/kubernetes.ts";
import type { Cgroups } from "../ports/cgroups.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Mounts } from "../ports/mounts.ts";
import type { ProbeNetwork } from "../ports/probing.ts";
import type { Random } from "../ports/random.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import type { Chance } from "./chance.ts";
import type { SimCluster } from "./cluster.ts";
import type { Disk } from "./disk.ts";
import type { Faults } from "./faults.ts";
import { simCgroups } from "./sim-cgroups.ts";
import { SimFiles } from "./sim-files.ts";
import { simMounts } from "./sim-mounts.ts";
import { simProbeNetwork } from "./sim-probe-network.ts";
import { type Judge, SimRuntime } from "./sim-runtime.ts";
import type { VirtualTime } from "./virtual-time.ts";
import type { World } from "./world.ts";

/** The simulated machine. */
export interface SimNode {
  readonly world: World;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly faults: Faults;
  readonly disk: Disk;
  readonly cgroupTree: Set<string>;
  readonly rules: Judge;
  readonly cluster: SimCluster | undefined;
}

/** The doors of one kubelet process. */
export interface SimDoors {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: Runtime;
  readonly images: Images;
  readonly files: Files;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly network: ProbeNetwork;
  readonly log: Log;
  /** The API server, and this node's object in it; undefined: a node without a cluster. */
  readonly cluster: { readonly api: KubeApi; readonly node: Node } | undefined;
  /** The whole set of static pods that are wanted, at the start and after each change. */
  readonly wants: (signal: AbortSignal) => AsyncIterable<readonly Pod[]>;
}

export interface RunningCore {
  /** Rejects when the signal aborts, or with a bug. */
  readonly done: Promise<never>;
  /** UIDs with their phase, as the status says. */
  phases(): readonly { readonly uid: string; readonly phase: string | undefined }[];
  /** How much is kept in memory, by what it is. */
  sizes(): Readonly<Record<string, number>>;
}

export type StartCore = (doors: SimDoors, signal: AbortSignal) => RunningCore;

/** One life of a kubelet process on the simulated machine. */
export class SimKubelet {
  readonly #life = new AbortController();
  readonly #core: RunningCore;
  readonly #bell = new Bell();
  #wanted: readonly Pod[];

  constructor(node: SimNode, wanted: readonly Pod[], startCore: StartCore, log: Log) {
    const { world, time, chance, faults, disk, cgroupTree, rules, cluster } = node;
    const life = this.#life.signal;
    this.#wanted = wanted;
    const runtime = new SimRuntime(world, faults, life, rules);
    const doors: SimDoors = {
      clock: time.clock(life),
      random: chance,
      runtime,
      images: runtime,
      files: new SimFiles(disk, world, faults, life),
      mounts: simMounts(disk, world, faults, life),
      cgroups: simCgroups(cgroupTree, world, faults, life),
      network: simProbeNetwork(world, life),
      log,
      cluster: cluster && { api: cluster.door(life), node: cluster.node },
      wants: (signal) => this.#wants(signal),
    };
    this.#core = startCore(doors, life);
    this.#core.done.catch((error: unknown) => {
      if (!life.aborted) world.violate(`the kubelet ended by a bug: ${error instanceof Error ? error.stack : error}`);
    });
  }

  want(pods: readonly Pod[]): void {
    this.#wanted = pods;
    this.#bell.ring();
  }

  /** As kill -9: nothing of this process acts any more, whatever it had in hand. */
  kill(): void {
    this.#life.abort(new Error("killed"));
  }

  phases() {
    return this.#core.phases();
  }

  sizes() {
    return this.#core.sizes();
  }

  admitted(): readonly string[] {
    return this.phases().map(({ uid }) => uid);
  }

  async *#wants(signal: AbortSignal): AsyncGenerator<readonly Pod[]> {
    for (;;) {
      yield this.#wanted;
      await this.#bell.wait(signal);
    }
  }
}
