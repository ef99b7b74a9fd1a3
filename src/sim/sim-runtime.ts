import { KubeletError } from "../base/fault.ts";
import type { Millis } from "../base/units.ts";
import type {
  ContainerConfig,
  ContainerExit,
  ContainerStatus,
  ContainerSummary,
  ImageInfo,
  RuntimeEvent,
  SandboxConfig,
  SandboxStatus,
  SandboxSummary,
} from "../model/runtime.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import type { Faults } from "./faults.ts";
import type { SimContainer, SimSandbox, World } from "./world.ts";

/** When a call that hangs is given up, ms. */
const DEADLINE = 60_000;
const UNAVAILABLE = { code: "runtime-unavailable", endpoint: "sim" } as const;

/** How long calls take, ms, lowest and highest. */
const SPANS = {
  look: [0, 5],
  "run-sandbox": [50, 400],
  create: [10, 80],
  start: [10, 120],
  remove: [5, 50],
  pull: [100, 20_000],
} as const;

/**
 * The runtime as one kubelet process sees it: slow, failing, forgetful about events. Calls take effect at some moment while they run,
 * also when the caller never learns of it. When the process dies its calls in flight may still take effect, and never return.
 */
export class SimRuntime implements Runtime, Images {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #life: AbortSignal;
  readonly #judge: Judge;

  constructor(world: World, faults: Faults, life: AbortSignal, judge: Judge) {
    this.#world = world;
    this.#faults = faults;
    this.#life = life;
    this.#judge = judge;
  }

  version = (signal: AbortSignal) =>
    this.#call("look", "version", signal, undefined, () => ({ name: "sim", version: "1", apiVersion: "v1" }));
  status = (signal: AbortSignal) =>
    this.#call("look", "status", signal, undefined, () => ({
      runtime: { status: true, reason: "", message: "" },
      network: { status: true, reason: "", message: "" },
      handlers: [],
      features: undefined,
    }));
  cgroupDriver = () => Promise.resolve(undefined);
  updatePodCidr = () => Promise.resolve();
  updateContainerResources = () => Promise.resolve();
  reopenContainerLog = () => Promise.resolve();
  exec = () => Promise.resolve("http://127.0.0.1:1/exec/sim");
  attach = () => Promise.resolve("http://127.0.0.1:1/attach/sim");
  portForward = () => Promise.resolve("http://127.0.0.1:1/portforward/sim");
  containerStats = () => Promise.resolve([]);
  execSync = () => Promise.resolve({ stdout: new Uint8Array(), stderr: new Uint8Array(), exitCode: 0 });

  async runSandbox(config: SandboxConfig, _handler: string, signal: AbortSignal): Promise<string> {
    const { uid, attempt } = config.metadata;
    const sandbox = await this.#call("run-sandbox", "RunPodSandbox", signal, uid, () => {
      // Runtimes reserve the name made of these: a call that was thought lost keeps a second one from taking effect.
      for (const { config: other } of this.#world.sandboxesOf(uid)) {
        if (other.metadata.attempt === attempt) throw reserved("RunPodSandbox", uid, attempt);
      }
      this.#judge.onRunSandbox(config);
      return this.#world.addSandbox(config);
    });
    sandbox.answerLost = false;
    return sandbox.id;
  }

  stopSandbox(id: string, signal: AbortSignal): Promise<void> {
    return this.#call("remove", "StopPodSandbox", signal, this.#uidOf(id), () => {
      const sandbox = this.#world.sandboxes.get(id);
      if (!sandbox) return;
      this.#judge.onStopSandbox(sandbox);
      this.#world.stopSandbox(sandbox);
    });
  }

  removeSandbox(id: string, signal: AbortSignal): Promise<void> {
    return this.#call("remove", "RemovePodSandbox", signal, this.#uidOf(id), () => {
      const sandbox = this.#world.sandboxes.get(id);
      if (!sandbox) return;
      if (sandbox.state === "ready") {
        this.#judge.onStopSandbox(sandbox);
        this.#world.stopSandbox(sandbox);
      }
      this.#world.removeSandbox(sandbox);
    });
  }

  sandboxStatus(id: string, signal: AbortSignal): Promise<SandboxStatus> {
    return this.#call("look", "PodSandboxStatus", signal, this.#uidOf(id), () => {
      const sandbox = this.#world.sandboxes.get(id) ?? notFound("PodSandboxStatus", id);
      return {
        ...summaryOf(sandbox),
        ips: sandbox.state === "ready" && sandbox.ip ? [sandbox.ip] : [],
        network: sandbox.config.security.namespaces.network,
      };
    });
  }

  listSandboxes(uid: string | undefined, signal: AbortSignal): Promise<readonly SandboxSummary[]> {
    return this.#call("look", "ListPodSandbox", signal, uid, () =>
      [...(uid === undefined ? this.#world.sandboxes.values() : this.#world.sandboxesOf(uid))].map(summaryOf),
    );
  }

  createContainer(
    sandboxId: string,
    config: ContainerConfig,
    _sandbox: SandboxConfig,
    signal: AbortSignal,
  ): Promise<string> {
    const askedAt = this.#world.time.now();
    return this.#call("create", "CreateContainer", signal, this.#uidOf(sandboxId), () => {
      const sandbox = this.#world.sandboxes.get(sandboxId) ?? notFound("CreateContainer", sandboxId);
      if (sandbox.state !== "ready") throw refused("CreateContainer", "sandbox is not ready");
      if (!this.#faults.images.has(config.image)) {
        throw new KubeletError(`Cannot create container "${config.name}": image ${config.image} is not there`, {
          code: "runtime-not-found",
          call: "CreateContainer",
          id: config.image,
        });
      }
      const { uid } = sandbox.config.metadata;
      for (const { config: other } of this.#world.containersOf(uid)) {
        if (other.name === config.name && other.attempt === config.attempt)
          throw reserved("CreateContainer", `${uid} ${config.name}`, config.attempt);
      }
      return this.#world.addContainer(sandbox, config, askedAt).id;
    });
  }

  async startContainer(id: string, signal: AbortSignal): Promise<void> {
    const asked = this.#world.containers.get(id);
    if (asked) asked.starting++;
    const effect = () => {
      const container = this.#world.containers.get(id) ?? notFound("StartContainer", id);
      if (container.state !== "created") throw refused("StartContainer", `container is ${container.state}`);
      if (this.#world.sandboxes.get(container.sandboxId)?.state !== "ready") {
        throw refused("StartContainer", "sandbox is not ready");
      }
      this.#judge.onStart(container);
      this.#world.startContainer(container);
    };
    await this.#call("start", "StartContainer", signal, asked?.uid, effect, () => {
      if (asked) asked.starting--;
    });
    if (asked) asked.startTold = true;
  }

  /** The answer comes when the process is gone, or later. */
  stopContainer(id: string, grace: Millis, signal: AbortSignal): Promise<void> {
    const asked = this.#world.containers.get(id);
    if (asked) asked.stopAsked = true;
    return this.#call("look", "StopContainer", signal, asked?.uid, () => {
      const container = this.#world.containers.get(id);
      if (container?.state !== "running") return;
      this.#judge.onStop(container, grace);
      this.#terminate(container, grace);
      const { time, chance } = this.#world;
      const late = chance.happens(this.#faults.lateStops) ? chance.between(100, 5_000) : 0;
      const isSeen = async () => {
        const wait = Math.max(late, container.shownUntil - time.now());
        if (wait > 0) await time.sleep(wait, this.#life, this.#life);
      };
      return this.#world.gone(container).then(isSeen);
    });
  }

  #terminate(container: SimContainer, grace: number): void {
    const { time } = this.#world;
    container.stopping ??= { at: time.now(), grace };
    const { obeysAfter } = this.#world.programOf(container);
    if (obeysAfter !== undefined && obeysAfter < grace) {
      time.at(obeysAfter, () => this.#world.end(container, 143, "Error"));
    }
    time.at(grace, () => this.#world.end(container, 137, "Error"));
  }

  removeContainer(id: string, signal: AbortSignal): Promise<void> {
    return this.#call("remove", "RemoveContainer", signal, this.#uidOf(id), () => {
      const container = this.#world.containers.get(id);
      if (!container) return;
      if (container.starting > 0) throw refused("RemoveContainer", "container is in starting state");
      if (container.state === "running") this.#judge.onStop(container, 0);
      this.#world.removeContainer(container);
    });
  }

  containerStatus(id: string, signal: AbortSignal): Promise<ContainerStatus> {
    return this.#call("look", "ContainerStatus", signal, this.#uidOf(id), () => {
      const container = this.#world.containers.get(id) ?? notFound("ContainerStatus", id);
      const summary = containerSummary(container, this.#world.time.now());
      const hasEnded = summary.state === "exited";
      if (hasEnded) container.toldEndAt ??= this.#world.time.now();
      return {
        ...summary,
        startedAt: container.startedAt,
        finishedAt: hasEnded ? container.finishedAt : undefined,
        exitCode: hasEnded ? container.exitCode : 0,
        reason: hasEnded ? container.reason : "",
        message: "",
        imageId: container.config.image,
        mounts: container.config.mounts,
        logPath: "",
        user: undefined,
        resources: undefined,
      };
    });
  }

  listContainers(uid: string | undefined, signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    return this.#call("look", "ListContainers", signal, uid, () =>
      [...(uid === undefined ? this.#world.containers.values() : this.#world.containersOf(uid))].map((container) =>
        containerSummary(container, this.#world.time.now()),
      ),
    );
  }

  async *events(
    signal: AbortSignal,
  ): AsyncGenerator<RuntimeEvent | ContainerExit | { kind: "resync" } | { kind: "lost" }> {
    const queue: (RuntimeEvent | ContainerExit)[] = [];
    let wake = () => {};
    const { chance, endings, time } = this.#world;
    const tellExit = (container: SimContainer) => {
      for (let copy = this.#faults.eventCopies(endings); copy > 0; copy--) {
        time.at(this.#faults.eventDelay(endings), () => {
          if (this.#life.aborted) return;
          container.toldEndAt ??= time.now();
          queue.push(exitOf(container));
          wake();
        });
      }
    };
    using _listening = this.#world.listen(({ kind, id, uid }) => {
      const ended = kind === "stopped" ? this.#world.containers.get(id) : undefined;
      if (ended) tellExit(ended);
      const behind = ended ? ended.shownUntil - time.now() : 0;
      const copies = this.#faults.eventCopies(chance);
      for (let copy = 0; copy < copies; copy++) {
        time.at(behind + this.#faults.eventDelay(chance), () => {
          if (this.#life.aborted) return;
          queue.push({ kind, id, ...(chance.happens(0.5) ? { podUid: uid } : {}) });
          wake();
        });
      }
    });
    using _cut = this.#faults.onCut(() => {
      connected = false;
      wake();
    });
    let connected = false;
    let told: "nothing" | "resync" | "lost" = "nothing";
    while (!signal.aborted) {
      if (!connected) {
        if (told === "resync") yield { kind: "lost" };
        told = "lost";
        await time.sleep(chance.between(50, 500), signal, this.#life);
        if (this.#faults.down || this.#faults.deaf) continue;
        connected = true;
        queue.length = 0;
        told = "resync";
        yield { kind: "resync" };
        continue;
      }
      const next = queue.shift();
      if (next) yield next;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        signal.addEventListener("abort", wake, { once: true });
        await promise;
        signal.removeEventListener("abort", wake);
      }
    }
    throw signal.reason;
  }

  imageStatus(image: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
    return this.#call("look", "ImageStatus", signal, undefined, () =>
      this.#faults.images.has(image) ? imageInfo(image) : undefined,
    );
  }

  pullImage(image: string, _auth: unknown, _sandbox: unknown, signal: AbortSignal): Promise<string> {
    return this.#call("pull", "PullImage", signal, undefined, () => {
      if (this.#faults.pullFails(this.#world.chance)) throw refused("PullImage", "registry is down");
      this.#faults.images.add(image);
      return image;
    });
  }

  listImages = (signal: AbortSignal) =>
    this.#call("look", "ListImages", signal, undefined, () => [...this.#faults.images].map(imageInfo));
  removeImage = (image: string, signal: AbortSignal) =>
    this.#call("remove", "RemoveImage", signal, undefined, () => void this.#faults.images.delete(image));
  imageFilesystems = () => Promise.resolve([{ mountpoint: "/images", usedBytes: 0, inodesUsed: 0 }]);

  #uidOf(id: string): string | undefined {
    return this.#world.containers.get(id)?.uid ?? this.#world.sandboxes.get(id)?.config.metadata.uid;
  }

  /**
   * One call: waits, takes effect, waits again. Faults strike before the effect (it failed) or after it (the caller does not learn);
   * a call for a pod that hangs answers at its deadline. A dead process never sees the answer.
   */
  #call<T>(
    span: keyof typeof SPANS,
    name: string,
    signal: AbortSignal,
    uid: string | undefined,
    effect: () => T | Promise<T>,
    /** Runs when the call has taken its effect or never will. */
    passed = () => {},
  ): Promise<T> {
    const life = this.#life;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (life.aborted) return promise;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { time, chance } = this.#world;
    const [low, high] = SPANS[span];
    const total = chance.between(low, high);
    const before = total * chance.fraction();
    const hangs = uid !== undefined && this.#faults.hung.has(uid);
    const lost = hangs ? chance.pick(["before", "after"] as const) : this.#faults.strike(chance);
    const away = () => new KubeletError(`Cannot call ${name}: the runtime is away`, UNAVAILABLE);
    const timeout = () => new KubeletError(`Cannot call ${name}: no answer`, { code: "runtime-timeout", call: name });
    const settle = (how: () => void) => {
      cut[Symbol.dispose]();
      if (signal !== life) signal.removeEventListener("abort", onAbort);
      if (!life.aborted) how();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    if (signal !== life) signal.addEventListener("abort", onAbort, { once: true });
    const cut = this.#faults.onCut(() => settle(() => reject(away())));
    const fail = () => {
      if (hangs) time.at(DEADLINE, () => settle(() => reject(timeout())));
      else settle(() => reject(lost === "after" ? timeout() : away()));
    };
    time.at(before, () => {
      passed();
      if (this.#faults.down || lost === "before") return fail();
      try {
        const value = effect();
        if (value instanceof Promise) value.catch(() => {});
        if (lost === "after") return fail();
        const answer = (answer: T) => time.at(total - before, () => settle(() => resolve(answer)));
        if (value instanceof Promise) value.then(answer, () => {});
        else answer(value);
      } catch (error) {
        settle(() => reject(error));
      }
    });
    return promise;
  }
}

/** Looks at each call that changes something: is there a cause for it? */
export interface Judge {
  onRunSandbox(config: SandboxConfig): void;
  onStopSandbox(sandbox: SimSandbox): void;
  onStart(container: SimContainer): void;
  onStop(container: SimContainer, graceMs: number): void;
}

const refused = (call: string, text: string) =>
  new KubeletError(`Cannot call ${call}: ${text}`, { code: "runtime-refused", call, status: "UNKNOWN" });

const reserved = (call: string, name: string, attempt: number) => refused(call, `name ${name} ${attempt} is reserved`);

function notFound(call: string, id: string): never {
  throw new KubeletError(`Cannot call ${call}: ${id} is not there`, { code: "runtime-not-found", call, id });
}

const imageInfo = (id: string): ImageInfo => ({
  id,
  repoTags: [id],
  repoDigests: [],
  size: 1,
  uid: undefined,
  username: "",
  pinned: false,
});

const summaryOf = ({ id, config, state, createdAt }: SimSandbox): SandboxSummary => ({
  id,
  metadata: config.metadata,
  state,
  createdAt,
  labels: config.labels,
  annotations: config.annotations,
  runtimeHandler: "",
});

const exitOf = ({ id, exitCode, finishedAt = 0, reason }: SimContainer): ContainerExit => ({
  kind: "exited",
  id,
  exitCode,
  finishedAt,
  reason,
});

/** The runtime sees an end a moment after it. */
const shownState = ({ state, forgotten, shownUntil }: SimContainer, now: number): ContainerStatus["state"] => {
  if (forgotten) return "unknown";
  return state === "exited" && now < shownUntil ? "running" : state;
};

const containerSummary = (container: SimContainer, now: number): ContainerSummary => ({
  ...identityOf(container),
  state: shownState(container, now),
});

const identityOf = ({ id, sandboxId, config, createdAt }: SimContainer): Omit<ContainerSummary, "state"> => ({
  id,
  sandboxId,
  name: config.name,
  attempt: config.attempt,
  createdAt,
  image: config.image,
  imageRef: config.image,
  labels: config.labels,
  annotations: config.annotations,
});
