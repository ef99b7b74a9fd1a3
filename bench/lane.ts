/**
 * One contender with a containerd of its own, of the same release and configuration as the others': a kubelet takes every sandbox it sees for its own, so no two
 * can share one.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage, imageArchive } from "../scripts/lib/images.ts";
import { waitFor } from "../scripts/lib/wait.ts";
import * as methods from "../src/adapters/cri/methods.ts";
import { CgroupRoot } from "../test/support/cgroups.ts";
import { Containerd, type Release } from "../test/support/containerd.ts";
import type { Scratch } from "../test/support/scratch.ts";
import { CriClient } from "./cri-client.ts";
import type { Who } from "./result.ts";
import { RuntimeWatch } from "./runtime-watch.ts";

export const IMAGE = "registry.local/bench:1";

/** What every container of the benchmark runs: ends at once when it is told to. */
export const COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 2147483647 & wait; done"] as const;

export interface LanePlace {
  readonly who: Who;
  readonly folder: string;
  /** Of a group that is there in every controller. */
  readonly cgroupRoot: string;
  readonly release: Release;
  /** Third number of the pods' network, different in each lane. */
  readonly subnet: number;
}

export class Lane {
  readonly who: Who;
  readonly folder: string;
  readonly cgroupRoot: string;
  readonly containerd: Containerd;
  readonly client: CriClient;
  readonly watch: RuntimeWatch;

  private constructor(place: LanePlace, containerd: Containerd) {
    this.who = place.who;
    this.folder = place.folder;
    this.cgroupRoot = place.cgroupRoot;
    this.containerd = containerd;
    this.client = new CriClient(containerd.endpoint);
    this.watch = new RuntimeWatch(this.client, "pause");
  }

  static async open(place: LanePlace): Promise<Lane> {
    mkdirSync(place.folder, { recursive: true });
    const containerd = await Containerd.start({
      release: place.release,
      folder: join(place.folder, "c"),
      podCidr: `10.88.${place.subnet}.0/24`,
      bridge: `pods${place.subnet}`,
    });
    const archive = join(place.folder, "image.tar");
    writeFileSync(archive, await imageArchive(await busyboxImage(), IMAGE));
    await containerd.ctr("images", "import", archive);
    const lane = new Lane(place, containerd);
    await waitFor("the pod network to be ready", async () => {
      const { status } = await lane.client.call(methods.status, {});
      return status?.conditions?.every((condition) => condition.status);
    });
    return lane;
  }

  /** Ids of the containers that run now, as the runtime tells. */
  async runningIds(): Promise<ReadonlySet<string>> {
    const { containers } = await this.client.call(methods.listContainers, { filter: { state: { state: 1 } } });
    return new Set((containers ?? []).map(({ id }) => id ?? ""));
  }

  /** Resolves when no container and no sandbox runs. */
  async quiet(): Promise<void> {
    await waitFor(
      `the pods of ${this.who} to end`,
      async () => {
        const sandboxes = await this.client.call(methods.listPodSandbox, { filter: { state: { state: 0 } } });
        return (sandboxes.items ?? []).length === 0 && (await this.runningIds()).size === 0;
      },
      { timeout: 120_000, interval: 200 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.containerd[Symbol.asyncDispose]();
  }
}

/** A lane with its own folder and cgroup below `scratch`; `cleanUp` closes it. */
export async function openLane(
  { who, subnet, scratch, release }: Pick<LanePlace, "who" | "subnet" | "release"> & { readonly scratch: Scratch },
  cleanUp: AsyncDisposableStack,
): Promise<Lane> {
  const cgroup = cleanUp.use(new CgroupRoot(`${scratch.name}-${who}`));
  return cleanUp.use(await Lane.open({ who, subnet, release, folder: scratch.path(who), cgroupRoot: cgroup.path }));
}
