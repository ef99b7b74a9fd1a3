import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Instant, seconds } from "../base/units.ts";
import type { ContainerImage, NodeAddress } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { FilesystemSpace, MachineInfo, NodeFacts } from "../ports/node-facts.ts";
import type { Images } from "../ports/runtime.ts";
import { type AddressFacts, chooseAddresses } from "./address.ts";
import { statusImages } from "./images.ts";
import { goAddress } from "./ip-kinds.ts";
import type { RegistrationOptions } from "./options.ts";
import { type Pressure, PressureMemory, pressureNow, type SignalReadings, signalsOf } from "./pressure.ts";

export interface ReadingsDeps {
  readonly facts: NodeFacts;
  readonly images: Pick<Images, "listImages" | "imageFilesystems">;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was read of the machine. */
export interface Readings {
  readonly machine: MachineInfo;
  readonly space: FilesystemSpace | undefined;
  readonly images: readonly ContainerImage[];
  readonly pressure: Pressure;
}

/** Images that somebody else pulled or removed show after this at the latest, a name that resolves otherwise as well. */
const REFRESH = seconds(300);
const NOTHING: Pressure = { memory: false, disk: false, pid: false };

/** Reads the machine for the node's status: what is cheap each time, what costs more when there is a reason. */
export class MachineReadings {
  readonly #options: RegistrationOptions;
  readonly #deps: ReadingsDeps;
  readonly #signals: ReadonlySet<string>;
  readonly #pressure: PressureMemory;
  #machine: MachineInfo | undefined;
  #space: FilesystemSpace | undefined;
  #images: readonly ContainerImage[] = [];
  #imagesReadAt: Instant | undefined;
  #resolved: readonly string[] = [];
  #resolvedAt: Instant | undefined;
  readonly #complaints = new Map<string, string>();

  constructor(options: RegistrationOptions, deps: ReadingsDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#signals = signalsOf(options.evictionHard, options.evictionSoft);
    this.#pressure = new PressureMemory(options.pressureTransition);
  }

  /** The next reading lists the images again. */
  imagesChanged(): void {
    this.#imagesReadAt = undefined;
  }

  async read(signal: AbortSignal): Promise<Readings> {
    const { facts, clock } = this.#deps;
    const { rootDir, evictionHard, evictionSoft } = this.#options;
    this.#machine ??= await facts.machine();
    const machine = this.#machine;
    await this.#try("read the space of the root directory", signal, async () => {
      this.#space = await facts.space(rootDir, signal);
    });
    await this.#readImages(signal);
    const readings = this.#signals.size === 0 ? undefined : await this.#readSignals(machine, signal);
    const seen = readings && pressureNow(readings, evictionHard, evictionSoft);
    const pressure = seen ? this.#pressure.judge(seen, clock.monotonic()) : NOTHING;
    return { machine, space: this.#space, images: this.#images, pressure };
  }

  /** Addresses for the Node; undefined: none can be told, those it has stay. */
  async addresses(before: readonly NodeAddress[], signal: AbortSignal): Promise<readonly NodeAddress[] | undefined> {
    const { facts } = this.#deps;
    const { nodeName, nodeIps, externalCloudProvider } = this.#options;
    let chosen: readonly NodeAddress[] | undefined;
    let problem: string | undefined;
    await this.#try("find the node's address", signal, async () => {
      const routes = await facts.defaultRoutes();
      const needsName = nodeIps.every((ip) => ip === "0.0.0.0" || ip === "::");
      const resolved = needsName ? await this.#resolve(signal) : [];
      const all: AddressFacts = {
        ...{ nodeName, nodeIps, externalCloudProvider, before, routes, resolved },
        interfaces: facts.interfaces(),
      };
      const choice = chooseAddresses(all);
      if ("problem" in choice) problem = choice.problem;
      else chosen = choice.addresses;
    });
    this.#complain("tell the node's addresses", problem);
    return chosen;
  }

  /** What an external cloud provider is told that the node's addresses shall be. */
  providedNodeIp(): string | undefined {
    const { externalCloudProvider, nodeIps } = this.#options;
    const given = nodeIps.filter((ip) => ip !== "0.0.0.0" && ip !== "::");
    return externalCloudProvider && given.length > 0 ? given.map(goAddress).join(",") : undefined;
  }

  /** The name server is asked rarely: it may be slow, and the answer hardly ever changes. */
  async #resolve(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#isFresh(this.#resolvedAt)) return this.#resolved;
    this.#resolved = await this.#deps.facts.lookup(this.#options.nodeName, signal);
    this.#resolvedAt = this.#deps.clock.monotonic();
    return this.#resolved;
  }

  async #readImages(signal: AbortSignal): Promise<void> {
    if (this.#options.maxImages === 0 || this.#isFresh(this.#imagesReadAt)) return;
    await this.#try("list the images", signal, async () => {
      const at = this.#deps.clock.monotonic();
      this.#images = statusImages(await this.#deps.images.listImages(signal), this.#options.maxImages);
      this.#imagesReadAt = at;
    });
  }

  async #readSignals(machine: MachineInfo, signal: AbortSignal): Promise<SignalReadings> {
    const { facts, images } = this.#deps;
    const readings = new Map<string, { available: number; capacity: number }>();
    const needs = (prefix: string) => [...this.#signals].some((name) => name.startsWith(prefix));
    const addSpace = (name: string, space: FilesystemSpace) => {
      readings.set(`${name}.available`, { available: space.availableBytes, capacity: space.capacityBytes });
      if (space.inodes > 0) readings.set(`${name}.inodesFree`, { available: space.inodesFree, capacity: space.inodes });
    };
    if (this.#space) addSpace("nodefs", this.#space);
    if (needs("memory."))
      await this.#try("read the memory in use", signal, async () => {
        const pages = [...machine.hugepages.values()].reduce((sum, bytes) => sum + bytes, 0);
        const available = Math.max(0, machine.memoryBytes - (await facts.memoryWorkingSet()) - pages);
        readings.set("memory.available", { available, capacity: machine.memoryBytes });
      });
    if (needs("pid."))
      await this.#try("count the processes", signal, async () => {
        const { max, current } = await facts.tasks();
        readings.set("pid.available", { available: Math.max(0, max - current), capacity: max });
      });
    if (needs("imagefs."))
      await this.#try("read the space for images", signal, async () => {
        const [filesystem] = await images.imageFilesystems(signal);
        if (filesystem) addSpace("imagefs", await facts.space(filesystem.mountpoint, signal));
      });
    return readings;
  }

  #isFresh(at: Instant | undefined): boolean {
    return at !== undefined && this.#deps.clock.monotonic() - at < REFRESH;
  }

  /** One thing that can't be read keeps no other from being told. */
  async #try(what: string, signal: AbortSignal, read: () => Promise<void>): Promise<void> {
    let problem: string | undefined;
    try {
      await read();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      problem = messageOf(error);
    }
    this.#complain(what, problem);
  }

  /** Each complaint is logged once, until it is another or none. */
  #complain(what: string, problem: string | undefined): void {
    if (problem === undefined) this.#complaints.delete(what);
    else {
      if (this.#complaints.get(what) !== problem) this.#deps.log.warn(`Cannot ${what}`, { err: problem });
      this.#complaints.set(what, problem);
    }
  }
}
