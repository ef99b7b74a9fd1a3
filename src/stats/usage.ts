import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { sideBySide } from "../base/side-by-side.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { MeasuredSpace, NodeFacts } from "../ports/node-facts.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import type { UsageFiles } from "../ports/usage.ts";
import { buildSummary } from "./build.ts";
import { CpuRates } from "./rates.ts";
import type { ImageReading, NodeReading, PodReading, Readings } from "./readings.ts";
import { resourceMetrics } from "./resource-metrics.ts";
import { type Summary, summaryJson } from "./shapes.ts";

export interface UsageDeps {
  readonly nodeName: string;
  readonly rootDir: string;
  /** When this kubelet was started, in wall milliseconds. */
  readonly startedAt: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: UsageFiles;
  readonly facts: NodeFacts;
  /** undefined while the runtime has not answered yet. */
  readonly runtime: () => Pick<Runtime, "containerStats"> | undefined;
  readonly images: () => Pick<Images, "imageFilesystems"> | undefined;
  readonly snapshots: () => readonly PodSnapshot[];
  /** What is known of a pod besides; undefined: no pod of ours. */
  readonly podPlace: (uid: string) => PodPlace | undefined;
  /** The cgroup of all pods, as far as the runtime has said how it names them; "" where there is none. */
  readonly podsCgroup: () => string;
}

export interface PodPlace {
  /** "" where the runtime chose it. */
  readonly cgroup: string;
  readonly hostNetwork: boolean;
}

/** What the node, its pods and containers use, read when somebody asks. */
export class NodeUsage {
  readonly #deps: UsageDeps;
  readonly #rates = new CpuRates();

  constructor(deps: UsageDeps) {
    this.#deps = deps;
  }

  /** `/stats/summary` as JSON. @throws KubeletError of the runtime or of files */
  async summary(cpuAndMemoryOnly: boolean, signal: AbortSignal): Promise<string> {
    return summaryJson(await this.#read(!cpuAndMemoryOnly, signal));
  }

  /** `/metrics/resource`. What went wrong is in the log, and one sample says that something did. */
  async metrics(signal: AbortSignal): Promise<string> {
    try {
      return resourceMetrics(await this.#read(false, signal));
    } catch (error) {
      signal.throwIfAborted();
      this.#deps.log.error("Failed to read what is used for /metrics/resource", { err: messageOf(error) });
      return resourceMetrics(undefined);
    }
  }

  async #read(whole: boolean, signal: AbortSignal): Promise<Summary> {
    const [node, pods] = await sideBySide([readNode(this.#deps, whole, signal), readPods(this.#deps, whole, signal)]);
    const readings: Readings = { at: this.#deps.clock.wall().getTime(), node, pods };
    return buildSummary(readings, this.#rates);
  }
}

async function readNode(deps: UsageDeps, whole: boolean, signal: AbortSignal): Promise<NodeReading> {
  const { facts, files, nodeName } = deps;
  const [machine, bootedAt, usage, system] = await sideBySide([
    facts.machine(),
    files.bootedAt(),
    files.cgroup("/"),
    readSystem(deps),
  ]);
  return {
    name: nodeName,
    bootedAt,
    memoryBytes: machine.memoryBytes,
    swapBytes: machine.swapBytes,
    hugepageBytes: [...machine.hugepages.values()].reduce((all, bytes) => all + bytes, 0),
    usage,
    system,
    whole: whole ? await readWhole(deps, signal) : undefined,
  };
}

async function readSystem({ files, startedAt, podsCgroup }: UsageDeps): Promise<NodeReading["system"]> {
  const own = await files.ownCgroup();
  const pods = podsCgroup();
  const places = [
    ...(pods === "" ? [] : [{ name: "pods", cgroup: pods, since: startedAt }]),
    // In the root it is everybody's.
    ...(own === "/" ? [] : [{ name: "kubelet", cgroup: own, since: startedAt }]),
  ];
  const read = await sideBySide(
    places.map(async ({ name, cgroup, since }) => ({ name, since, usage: await files.cgroup(cgroup) })),
  );
  return read.flatMap(({ name, since, usage }) => (usage ? [{ name, since, usage }] : []));
}

async function readWhole(deps: UsageDeps, signal: AbortSignal): Promise<NonNullable<NodeReading["whole"]>> {
  const { facts, files, rootDir } = deps;
  const [interfaces, rootSpace, images, tasks] = await sideBySide([
    files.nodeInterfaces(),
    spaceOf(rootDir, deps, signal),
    readImages(deps, signal),
    facts.tasks(),
  ]);
  return { interfaces, rootSpace, images, tasks };
}

async function readImages(deps: UsageDeps, signal: AbortSignal): Promise<ImageReading | undefined> {
  const [usage] = (await deps.images()?.imageFilesystems(signal)) ?? [];
  return usage && { usage, space: await spaceOf(usage.mountpoint, deps, signal) };
}

/** A file system that can't be asked is left out of the summary. */
async function spaceOf(
  path: string,
  { facts, log }: UsageDeps,
  signal: AbortSignal,
): Promise<MeasuredSpace | undefined> {
  try {
    return await facts.space(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`Failed to read the space of a file system: ${messageOf(error)}`);
    return undefined;
  }
}

/** Pods with a container that runs, as upstream shows them. */
async function readPods(deps: UsageDeps, whole: boolean, signal: AbortSignal): Promise<readonly PodReading[]> {
  const stats = (await deps.runtime()?.containerStats(undefined, signal)) ?? [];
  const byId = new Map(stats.map((one) => [one.id, one]));
  const pods = deps.snapshots().flatMap((pod) => {
    const containers = pod.containers.flatMap(({ id, createdAt, state }) => {
      const reading = byId.get(id);
      return reading && state === "running" ? [{ createdAt, reading }] : [];
    });
    return containers.length > 0 ? [{ pod, containers }] : [];
  });
  return sideBySide(pods.map(async ({ pod, containers }) => ({ containers, ...(await readPod(pod, deps, whole)) })));
}

async function readPod(
  pod: PodSnapshot,
  { files, podPlace }: UsageDeps,
  whole: boolean,
): Promise<Omit<PodReading, "containers">> {
  const { cgroup = "", hostNetwork = true } = podPlace(pod.uid) ?? {};
  const [usage, interfaces] = await sideBySide([
    cgroup === "" ? undefined : files.cgroup(cgroup),
    whole && cgroup !== "" && !hostNetwork ? files.interfacesIn(cgroup) : undefined,
  ]);
  return { pod, createdAt: pod.sandboxes[0]?.createdAt ?? 0, usage, interfaces };
}
