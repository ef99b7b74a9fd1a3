import { KubeletError } from "../base/fault.ts";
import type { Millis } from "../base/units.ts";
import type {
  ContainerConfig,
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

  version = () => this.#call("look", "version", () => ({ name: "sim", version: "1", apiVersion: "v1" }));
  status = () =>
    this.#call("look", "status", () => ({
      runtime: { status: true, reason: "", message: "" },
      network: { status: true, reason: "", message: "" },
    }));
  cgroupDriver = () => Promise.resolve(undefined);
  updatePodCidr = () => Promise.resolve();
  updateContainerResources = () => Promise.resolve();
  reopenContainerLog = () => Promise.resolve();
  execSync = () => Promise.resolve({ stdout: new Uint8Array(), stderr: new Uint8Array(), exitCode: 0 });

  async runSandbox(config: SandboxConfig): Promise<string> {
    const sandbox = await this.#call("run-sandbox", "RunPodSandbox", () => {
      const { uid, attempt } = config.metadata;
      // Runtimes reserve the name made of these: a call that was thought lost keeps a second one from taking effect.
      for (const { config: other } of this.#world.sandboxes.values()) {
        if (other.metadata.uid === uid && other.metadata.attempt === attempt)
          throw reserved("RunPodSandbox", uid, attempt);
      }
      this.#judge.onRunSandbox(config);
      return this.#world.addSandbox(config);
    });
    sandbox.answerLost = false;
    return sandbox.id;
  }

  stopSandbox(id: string): Promise<void> {
    return this.#call("remove", "StopPodSandbox", () => {
      const sandbox = this.#world.sandboxes.get(id);
      if (!sandbox) return;
      this.#judge.onStopSandbox(sandbox);
      this.#world.stopSandbox(sandbox);
    });
  }

  removeSandbox(id: string): Promise<void> {
    return this.#call("remove", "RemovePodSandbox", () => {
      const sandbox = this.#world.sandboxes.get(id);
      if (!sandbox) return;
      if (sandbox.state === "ready") {
        this.#judge.onStopSandbox(sandbox);
        this.#world.stopSandbox(sandbox);
      }
      this.#world.removeSandbox(sandbox);
    });
  }

  sandboxStatus(id: string): Promise<SandboxStatus> {
    return this.#call("look", "PodSandboxStatus", () => {
      const sandbox = this.#world.sandboxes.get(id) ?? notFound("PodSandboxStatus", id);
      return {
        ...summaryOf(sandbox),
        ips: sandbox.state === "ready" && sandbox.ip ? [sandbox.ip] : [],
        network: sandbox.config.security.namespaces.network,
      };
    });
  }

  listSandboxes(uid: string | undefined): Promise<readonly SandboxSummary[]> {
    return this.#call("look", "ListPodSandbox", () =>
      [...this.#world.sandboxes.values()]
        .filter(({ config }) => uid === undefined || config.metadata.uid === uid)
        .map(summaryOf),
    );
  }

  createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return this.#call("create", "CreateContainer", () => {
      const sandbox = this.#world.sandboxes.get(sandboxId) ?? notFound("CreateContainer", sandboxId);
      if (sandbox.state !== "ready") throw refused("CreateContainer", "sandbox is not ready");
      for (const { uid, config: other } of this.#world.containers.values()) {
        const same =
          uid === sandbox.config.metadata.uid && other.name === config.name && other.attempt === config.attempt;
        if (same) throw reserved("CreateContainer", `${uid} ${config.name}`, config.attempt);
      }
      return this.#world.addContainer(sandbox, config).id;
    });
  }

  startContainer(id: string): Promise<void> {
    return this.#call("start", "StartContainer", () => {
      const container = this.#world.containers.get(id) ?? notFound("StartContainer", id);
      if (container.state !== "created") throw refused("StartContainer", `container is ${container.state}`);
      if (this.#world.sandboxes.get(container.sandboxId)?.state !== "ready") {
        throw refused("StartContainer", "sandbox is not ready");
      }
      this.#judge.onStart(container);
      this.#world.startContainer(container);
    });
  }

  async stopContainer(id: string, grace: Millis): Promise<void> {
    await this.#call("look", "StopContainer", () => {
      const container = this.#world.containers.get(id);
      if (container?.state !== "running") return;
      this.#judge.onStop(container, grace);
      this.#terminate(container, grace);
    });
    // The answer comes when the process is gone.
    const { time } = this.#world;
    while (this.#world.containers.get(id)?.state === "running") await time.sleep(20, this.#life, this.#life);
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

  removeContainer(id: string): Promise<void> {
    return this.#call("remove", "RemoveContainer", () => {
      const container = this.#world.containers.get(id);
      if (!container) return;
      if (container.state === "running") this.#judge.onStop(container, 0);
      this.#world.removeContainer(container);
    });
  }

  containerStatus(id: string): Promise<ContainerStatus> {
    return this.#call("look", "ContainerStatus", () => {
      const container = this.#world.containers.get(id) ?? notFound("ContainerStatus", id);
      return {
        ...containerSummary(container),
        startedAt: container.startedAt,
        finishedAt: container.finishedAt,
        exitCode: container.exitCode,
        reason: container.reason,
        message: "",
        imageId: container.config.image,
        mounts: container.config.mounts,
        logPath: "",
        user: undefined,
        resources: undefined,
      };
    });
  }

  listContainers(uid: string | undefined): Promise<readonly ContainerSummary[]> {
    return this.#call("look", "ListContainers", () =>
      [...this.#world.containers.values()]
        .filter((container) => uid === undefined || container.uid === uid)
        .map(containerSummary),
    );
  }

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent | { kind: "resync" } | { kind: "lost" }> {
    const queue: RuntimeEvent[] = [];
    let wake = () => {};
    const { chance, time } = this.#world;
    using _listening = this.#world.listen(({ kind, id, uid }) => {
      const copies = this.#faults.eventCopies(chance);
      for (let copy = 0; copy < copies; copy++) {
        time.at(this.#faults.eventDelay(chance), () => {
          queue.push({ kind, id, ...(chance.happens(0.5) ? { podUid: uid } : {}) });
          wake();
        });
      }
    });
    let connected = false;
    while (!signal.aborted) {
      if (!connected || this.#faults.down) {
        if (connected) yield { kind: "lost" };
        connected = false;
        await time.sleep(chance.between(50, 500), signal, this.#life);
        if (this.#faults.down) continue;
        connected = true;
        queue.length = 0;
        yield { kind: "resync" };
      }
      const next = queue.shift();
      if (next) yield next;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const turn = new AbortController();
        // Looks now and then whether the runtime went away, as a broken connection would tell.
        time.sleep(1_000, turn.signal, this.#life).then(resolve, () => {});
        await promise;
        turn.abort();
      }
    }
    throw signal.reason;
  }

  imageStatus(image: string): Promise<ImageInfo | undefined> {
    return this.#call("look", "ImageStatus", () => (this.#faults.images.has(image) ? imageInfo(image) : undefined));
  }

  async pullImage(image: string): Promise<string> {
    return this.#call("pull", "PullImage", () => {
      if (this.#faults.pullFails(this.#world.chance)) throw refused("PullImage", "registry is down");
      this.#faults.images.add(image);
      return image;
    });
  }

  listImages = () => this.#call("look", "ListImages", () => [...this.#faults.images].map(imageInfo));
  removeImage = (image: string) => this.#call("remove", "RemoveImage", () => void this.#faults.images.delete(image));
  imageFilesystems = () => Promise.resolve([]);

  /** One call: waits, takes effect, waits again. Faults strike before the effect (it failed) or after it (the caller does not learn). */
  async #call<T>(span: keyof typeof SPANS, name: string, effect: () => T): Promise<T> {
    if (this.#life.aborted) return new Promise<never>(() => {});
    const { time, chance } = this.#world;
    const [low, high] = SPANS[span];
    const total = chance.between(low, high);
    const before = total * chance.fraction();
    const outcome = Promise.withResolvers<T>();
    const lost = this.#faults.strike(chance);
    time.at(before, () => {
      if (this.#faults.down || lost === "before") {
        outcome.reject(new KubeletError(`Cannot call ${name}: the runtime is away`, UNAVAILABLE));
        return;
      }
      try {
        const value = effect();
        if (lost === "after") {
          outcome.reject(new KubeletError(`Cannot call ${name}: no answer`, { code: "runtime-timeout", call: name }));
        } else {
          time.at(total - before, () => outcome.resolve(value));
        }
      } catch (error) {
        outcome.reject(error);
      }
    });
    const value = await outcome.promise.catch((error: unknown) => {
      if (this.#life.aborted) return new Promise<never>(() => {});
      throw error;
    });
    // A dead process never sees the answer.
    return this.#life.aborted ? new Promise<never>(() => {}) : value;
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

const containerSummary = ({ id, sandboxId, config, state, createdAt }: SimContainer): ContainerSummary => ({
  id,
  sandboxId,
  name: config.name,
  attempt: config.attempt,
  state,
  createdAt,
  image: config.image,
  imageRef: config.image,
  labels: config.labels,
  annotations: config.annotations,
});
