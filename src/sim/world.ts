import type { ContainerConfig, ContainerStatus, SandboxConfig, SandboxStatus } from "../model/runtime.ts";
import { Chance } from "./chance.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What a container's main process does. */
export interface Program {
  /** Ends by itself after this many ms; undefined: runs until told to stop. */
  readonly endsAfter: number | undefined;
  readonly exitCode: number;
  /** Time from SIGTERM to its end; undefined: it ignores the signal. */
  readonly obeysAfter: number | undefined;
  /** Answers no probe any more this many ms after its start; undefined: it stays well. */
  readonly sickAfter?: number | undefined;
}

export interface SimContainer {
  readonly id: string;
  readonly uid: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAt: number;
  state: ContainerStatus["state"];
  startedAt: number | undefined;
  finishedAt: number | undefined;
  exitCode: number;
  reason: string;
  /** When StopContainer began and with how much grace, ms. */
  stopping: { readonly at: number; readonly grace: number } | undefined;
  /** When whoever made it asked for it, when it ended, and when anyone was first told of that: virtual ms. */
  readonly askedAt: number;
  beganAt: number;
  endedAt: number | undefined;
  toldEndAt: number | undefined;
  /** The runtime crashed and does not know whether it lives: it says "unknown" until it was stopped. */
  forgotten: boolean;
  /** Until then the runtime's answers say that it runs, though it has ended: virtual ms. */
  shownUntil: number;
  /** It once was. */
  wasForgotten: boolean;
  readonly onEnd: (() => void)[];
  /** The instance of the same name that ended before this one began, if it was still there then. */
  previous: SimContainer | undefined;
  /** Whoever asked for its start was told of it. */
  startTold: boolean;
  /** Someone asked for its stop, whether or not that took effect. */
  stopAsked: boolean;
  /** A StartContainer is on its way: it can't be removed meanwhile. */
  starting: number;
}

export interface SimSandbox {
  readonly id: string;
  readonly config: SandboxConfig;
  readonly createdAt: number;
  state: SandboxStatus["state"];
  /** Held from CNI ADD until CNI DEL. */
  ip: string | undefined;
  /** Whoever made it did not learn its id. */
  answerLost: boolean;
}

export type WorldEvent = {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  readonly id: string;
  readonly uid: string;
};

/**
 * What really is on the simulated node: sandboxes, containers, addresses. It outlives every kubelet and every restart of the runtime.
 * Rules that no run may break are checked where something changes.
 */
export class World {
  readonly time: VirtualTime;
  readonly chance: Chance;
  /** Of how ends come to be known. Its own, so that runs of before it was there go as they went. */
  readonly endings = new Chance(1);
  readonly sandboxes = new Map<string, SimSandbox>();
  readonly containers = new Map<string, SimContainer>();
  readonly #ofPod = new Map<string, { readonly sandboxes: Set<SimSandbox>; readonly containers: Set<SimContainer> }>();
  readonly #listeners = new Set<(event: WorldEvent) => void>();
  readonly #programs = new Map<string, Program>();
  readonly #violations: string[] = [];
  #ids = 0;
  #ips = 0;
  /** Told of everything that changes, for a person who replays a run. */
  onChange: ((text: string) => void) | undefined;
  /** Told when nothing of a pod is left. */
  onEmpty: (uid: string) => void = () => {};
  starts = 0;
  /** New pods may have probes. */
  hasProbes = false;
  /** When the kubelet of now began, virtual ms: it remembers nothing from before. */
  kubeletSince = 0;
  adds = 0;
  dels = 0;

  constructor(time: VirtualTime, chance: Chance) {
    this.time = time;
    this.chance = chance;
  }

  /** Broken rules, in the order they broke. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  violate(text: string): void {
    if (this.#violations.length < 20) this.#violations.push(`${(this.time.now() / 1000).toFixed(3)} s: ${text}`);
  }

  listen(listener: (event: WorldEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** After each start it answers probes for so long, ms. */
  makeSick(uid: string, container: string, sickAfter: number): void {
    const program = this.#programs.get(`${uid}/${container}`);
    if (program) this.setProgram(uid, container, { ...program, sickAfter });
  }

  setProgram(uid: string, container: string, program: Program): void {
    this.#programs.set(`${uid}/${container}`, program);
  }

  isSick(container: SimContainer): boolean {
    return this.sickFor(container) >= 0;
  }

  /** Since when it answers no probe, ms ago; less than 0: it does. */
  sickFor(container: SimContainer): number {
    const { sickAfter = Number.POSITIVE_INFINITY } = this.programOf(container);
    return this.time.now() - container.beganAt - sickAfter;
  }

  /** In order of making. */
  sandboxesOf(uid: string): ReadonlySet<SimSandbox> {
    return this.#ofPod.get(uid)?.sandboxes ?? NONE;
  }

  containersOf(uid: string): ReadonlySet<SimContainer> {
    return this.#ofPod.get(uid)?.containers ?? NONE;
  }

  /** UIDs of which anything is there. */
  uids(): Iterable<string> {
    return this.#ofPod.keys();
  }

  #index(uid: string) {
    const known = this.#ofPod.get(uid);
    if (known) return known;
    const made = { sandboxes: new Set<SimSandbox>(), containers: new Set<SimContainer>() };
    this.#ofPod.set(uid, made);
    return made;
  }

  #unindex(uid: string): void {
    const { sandboxes, containers } = this.#index(uid);
    if (sandboxes.size + containers.size > 0) return;
    this.#ofPod.delete(uid);
    this.onEmpty(uid);
  }

  addSandbox(config: SandboxConfig): SimSandbox {
    const sandbox: SimSandbox = {
      id: `s${++this.#ids}`,
      config,
      createdAt: this.time.wall(),
      state: "ready",
      ip: config.security.namespaces.network === "node" ? undefined : `10.0.${this.#ips >> 8}.${this.#ips++ & 255}`,
      answerLost: true,
    };
    if (sandbox.ip) this.adds++;
    this.sandboxes.set(sandbox.id, sandbox);
    this.#index(config.metadata.uid).sandboxes.add(sandbox);
    this.#tell("started", sandbox.id, config.metadata.uid);
    return sandbox;
  }

  /** The sandbox's process dies: a crash, a reboot. Its address stays held until it is stopped. */
  breakSandbox(sandbox: SimSandbox): void {
    sandbox.state = "not-ready";
    for (const container of this.inSandbox(sandbox.id)) this.end(container, 137, "Error");
    this.#tell("stopped", sandbox.id, sandbox.config.metadata.uid);
  }

  stopSandbox(sandbox: SimSandbox): void {
    if (sandbox.ip !== undefined) {
      sandbox.ip = undefined;
      this.dels++;
    }
    if (sandbox.state === "not-ready") return;
    this.breakSandbox(sandbox);
  }

  removeSandbox(sandbox: SimSandbox): void {
    for (const container of this.inSandbox(sandbox.id)) this.removeContainer(container);
    if (sandbox.ip !== undefined) this.violate(`I8 sandbox ${sandbox.id} removed while it holds ${sandbox.ip}`);
    this.sandboxes.delete(sandbox.id);
    this.#index(sandbox.config.metadata.uid).sandboxes.delete(sandbox);
    this.#unindex(sandbox.config.metadata.uid);
    this.#tell("deleted", sandbox.id, sandbox.config.metadata.uid);
  }

  addContainer(sandbox: SimSandbox, config: ContainerConfig, askedAt: number): SimContainer {
    const container: SimContainer = {
      id: `c${++this.#ids}`,
      uid: sandbox.config.metadata.uid,
      sandboxId: sandbox.id,
      config,
      createdAt: this.time.wall(),
      state: "created",
      startedAt: undefined,
      finishedAt: undefined,
      exitCode: 0,
      reason: "",
      stopping: undefined,
      askedAt,
      beganAt: 0,
      endedAt: undefined,
      toldEndAt: undefined,
      shownUntil: 0,
      forgotten: false,
      wasForgotten: false,
      onEnd: [],
      previous: undefined,
      startTold: false,
      stopAsked: false,
      starting: 0,
    };
    this.containers.set(container.id, container);
    this.#index(container.uid).containers.add(container);
    this.#tell("created", container.id, container.uid);
    return container;
  }

  startContainer(container: SimContainer): void {
    this.starts++;
    container.state = "running";
    container.beganAt = this.time.now();
    container.previous = this.lastEnded(container);
    // Two back are enough; more would keep every instance there ever was.
    if (container.previous?.previous) container.previous.previous.previous = undefined;
    container.startedAt = this.time.wall();
    const alive = [...this.containersOf(container.uid)].filter(
      (other) => other.config.name === container.config.name && other.state === "running",
    );
    if (alive.length > 1) {
      this.violate(`I1 ${alive.length} live containers ${container.config.name} of pod ${container.uid}`);
    }
    const program = this.programOf(container);
    if (program.endsAfter !== undefined) {
      const delay = program.endsAfter * (0.5 + this.chance.fraction());
      this.time.at(delay, () => this.end(container, program.exitCode, program.exitCode === 0 ? "Completed" : "Error"));
    }
    this.#tell("started", container.id, container.uid);
  }

  /** The newest instance of the same name that ended. */
  lastEnded({ uid, config }: SimContainer): SimContainer | undefined {
    return [...this.containersOf(uid)].findLast(
      (other) => other.config.name === config.name && other.state === "exited",
    );
  }

  programOf({ uid, config }: SimContainer): Program {
    return this.#programs.get(`${uid}/${config.name}`) ?? { endsAfter: undefined, exitCode: 0, obeysAfter: 10 };
  }

  end(container: SimContainer, exitCode: number, reason: string): void {
    if (container.state !== "running") return;
    container.state = "exited";
    container.forgotten = false;
    container.endedAt = this.time.now();
    container.finishedAt = this.time.wall();
    container.exitCode = exitCode;
    container.reason = reason;
    container.shownUntil = this.time.now() + this.endings.between(0, LONGEST_CLEAN_UP);
    this.#tell("stopped", container.id, container.uid);
    for (const tell of container.onEnd.splice(0)) tell();
  }

  /** Resolves when the container's process is gone. */
  gone(container: SimContainer): Promise<void> {
    return container.state === "running" ? new Promise((resolve) => container.onEnd.push(resolve)) : Promise.resolve();
  }

  /** The runtime crashes and comes back without knowing of this container's process. */
  forget(container: SimContainer): void {
    if (container.state !== "running") return;
    container.forgotten = true;
    container.wasForgotten = true;
  }

  removeContainer(container: SimContainer): void {
    this.end(container, 137, "Error");
    this.containers.delete(container.id);
    this.#index(container.uid).containers.delete(container);
    this.#unindex(container.uid);
    this.#tell("deleted", container.id, container.uid);
  }

  inSandbox(id: string): readonly SimContainer[] {
    const uid = this.sandboxes.get(id)?.config.metadata.uid;
    return uid === undefined ? [] : [...this.containersOf(uid)].filter(({ sandboxId }) => sandboxId === id);
  }

  #tell(kind: WorldEvent["kind"], id: string, uid: string): void {
    if (this.onChange) {
      const container = this.containers.get(id);
      const what = container
        ? `container ${container.config.name} ${container.config.attempt}`
        : id.startsWith("s")
          ? "sandbox"
          : "container";
      this.onChange(`${kind} ${what} (${id}) of pod ${uid}`);
    }
    for (const listener of this.#listeners) listener({ kind, id, uid });
  }
}

/** How long the runtime takes to see that a container has ended, ms. */
const LONGEST_CLEAN_UP = 200;

const NONE: ReadonlySet<never> = new Set<never>();
