/** A CRI server in this process, without processes behind its containers: for what real runtimes do not do on demand. */
import { randomBytes } from "node:crypto";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { runtime } from "../../src/adapters/cri/generated/cri.js";

const v1 = runtime.v1;
type Sandbox = runtime.v1.PodSandboxStatus.$Properties & { id: string };
type Container = runtime.v1.ContainerStatus.$Properties & { id: string; sandboxId: string; command: readonly string[] };

/** How this runtime differs from a well-behaved one. May be changed while it runs. */
export interface Quirks {
  /** Calls that answer Unimplemented, by CRI name. */
  missing?: readonly string[];
  /** Calls that fail, by CRI name. */
  failing?: { readonly [call: string]: { readonly code: number; readonly details: string } };
  /** Milliseconds before an answer, by CRI name. */
  slow?: { readonly [call: string]: number };
  /** Calls that get no answer until this is fulfilled, by CRI name. */
  held?: { readonly [call: string]: Promise<void> };
  /** CRI-O without pod events. */
  eventsEndAtOnce?: boolean;
  /** cri-dockerd: what is missing is reported as Unknown with Docker's text. */
  unknownInsteadOfNotFound?: boolean;
  /** CRI-O: an image's id is bare hex. */
  bareImageIds?: boolean;
  /** Changes an answer on its way out, by CRI name. */
  answers?: { readonly [call: string]: (answer: object) => object };
}

export const FAKE_IMAGE = "localhost/fake:1";

interface Encoder {
  encode(message: object): { finish(): Uint8Array };
}
interface Decoder<T> {
  decode(data: Uint8Array): T;
}
class Refusal extends Error {
  readonly code: number;
  readonly details: string;
  constructor(code: number, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

/** `command` of a container: `["forever"]`, or `["exit", "7"]` to end right after its start; of an exec also `["print", text]`. */
export class FakeCri {
  readonly quirks: Quirks;
  /** Names of all calls that came in, in order. */
  readonly calls: string[] = [];
  /** Most calls of one kind that were in progress together. */
  readonly peak = new Map<string, number>();
  /** Milliseconds that the newest call of a kind had left until its deadline when it came. */
  readonly timeLeft = new Map<string, number>();
  readonly authorities = new Set<string>();
  readonly #server = new Server({ "grpc.max_send_message_length": -1 });
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, Container>();
  readonly #subscribers = new Set<ServerWritableStream<unknown, object>>();
  readonly #active = new Map<string, number>();

  constructor(quirks: Quirks = {}) {
    this.quirks = quirks;
    const runtimeService: UntypedServiceImplementation = {};
    const definition: { [call: string]: object } = {};
    const add = <Q>(
      service: string,
      call: string,
      request: Decoder<Q>,
      response: Encoder,
      answer: (request: Q) => object | Promise<object>,
    ) => {
      definition[call] = describe(service, call, request, response, false);
      runtimeService[call] = this.#unary(call, answer);
    };
    const cri = "runtime.v1.RuntimeService";
    const images = "runtime.v1.ImageService";
    add(cri, "Version", v1.VersionRequest, v1.VersionResponse, () => VERSION);
    add(cri, "Status", v1.StatusRequest, v1.StatusResponse, () => STATUS);
    add(cri, "RuntimeConfig", v1.RuntimeConfigRequest, v1.RuntimeConfigResponse, () => ({
      linux: { cgroupDriver: 1 },
    }));
    add(cri, "UpdateRuntimeConfig", v1.UpdateRuntimeConfigRequest, v1.UpdateRuntimeConfigResponse, () => ({}));
    add(cri, "RunPodSandbox", v1.RunPodSandboxRequest, v1.RunPodSandboxResponse, (q) => this.#runSandbox(q));
    add(cri, "StopPodSandbox", v1.StopPodSandboxRequest, v1.StopPodSandboxResponse, (q) =>
      this.#stopSandbox(q.podSandboxId),
    );
    add(cri, "RemovePodSandbox", v1.RemovePodSandboxRequest, v1.RemovePodSandboxResponse, (q) =>
      this.#removeSandbox(q.podSandboxId),
    );
    add(cri, "PodSandboxStatus", v1.PodSandboxStatusRequest, v1.PodSandboxStatusResponse, (q) => ({
      status: this.#sandbox(q.podSandboxId),
    }));
    add(cri, "ListPodSandbox", v1.ListPodSandboxRequest, v1.ListPodSandboxResponse, ({ filter }) => ({
      items: [...this.#sandboxes.values()].filter(({ labels }) => selects(filter?.labelSelector, labels)),
    }));
    add(cri, "CreateContainer", v1.CreateContainerRequest, v1.CreateContainerResponse, (q) => this.#create(q));
    add(cri, "StartContainer", v1.StartContainerRequest, v1.StartContainerResponse, (q) => this.#start(q.containerId));
    add(cri, "StopContainer", v1.StopContainerRequest, v1.StopContainerResponse, (q) => this.#stop(q.containerId));
    add(cri, "RemoveContainer", v1.RemoveContainerRequest, v1.RemoveContainerResponse, (q) =>
      this.#remove(q.containerId),
    );
    add(cri, "ContainerStatus", v1.ContainerStatusRequest, v1.ContainerStatusResponse, (q) => ({
      status: this.#container(q.containerId),
    }));
    add(cri, "ListContainers", v1.ListContainersRequest, v1.ListContainersResponse, ({ filter }) => ({
      containers: [...this.#containers.values()]
        .filter(({ labels }) => selects(filter?.labelSelector, labels))
        .map((container) => ({ ...container, podSandboxId: container.sandboxId })),
    }));
    add(
      cri,
      "UpdateContainerResources",
      v1.UpdateContainerResourcesRequest,
      v1.UpdateContainerResourcesResponse,
      (q) => {
        this.#container(q.containerId).resources = { linux: q.linux ?? {} };
        return {};
      },
    );
    add(cri, "ReopenContainerLog", v1.ReopenContainerLogRequest, v1.ReopenContainerLogResponse, (q) => {
      this.#container(q.containerId);
      return {};
    });
    add(cri, "ExecSync", v1.ExecSyncRequest, v1.ExecSyncResponse, (q) => this.#exec(q));
    add(images, "ListImages", v1.ListImagesRequest, v1.ListImagesResponse, () => ({ images: [this.#image()] }));
    add(images, "ImageStatus", v1.ImageStatusRequest, v1.ImageStatusResponse, ({ image }) =>
      [FAKE_IMAGE, this.#image().id].includes(image?.image ?? "") ? { image: this.#image() } : {},
    );
    add(images, "PullImage", v1.PullImageRequest, v1.PullImageResponse, () => ({ imageRef: this.#image().id }));
    add(images, "RemoveImage", v1.RemoveImageRequest, v1.RemoveImageResponse, () => ({}));
    add(images, "ImageFsInfo", v1.ImageFsInfoRequest, v1.ImageFsInfoResponse, () => ({
      imageFilesystems: [{ fsId: { mountpoint: "/fake" }, usedBytes: { value: 1000 }, inodesUsed: { value: 10 } }],
    }));
    const stream: handleServerStreamingCall<unknown, object> = (call) => this.#subscribe(call);
    runtimeService.GetContainerEvents = stream;
    definition.GetContainerEvents = describe(
      cri,
      "GetContainerEvents",
      v1.GetEventsRequest,
      v1.ContainerEventResponse,
      true,
    );
    // biome-ignore lint/suspicious/noExplicitAny: the library's type asks for the exact message types of each call
    this.#server.addService(definition as any, runtimeService);
  }

  listen(socket: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
    return promise;
  }

  /** As if the runtime was killed: open calls and streams break off. */
  kill(): void {
    this.#server.forceShutdown();
  }

  /** Ends a running container from outside, as a crash would. */
  crash(id: string, exitCode: number): void {
    this.#exit(this.#container(id), exitCode);
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Calls of a kind that are in progress now. */
  active(call: string): number {
    return this.#active.get(call) ?? 0;
  }

  #unary<Q>(call: string, answer: (request: Q) => object | Promise<object>): handleUnaryCall<Q, object> {
    return async (incoming, reply) => {
      this.calls.push(call);
      this.authorities.add(incoming.getHost());
      this.timeLeft.set(call, Number(incoming.getDeadline()) - Date.now());
      const active = this.active(call) + 1;
      this.#active.set(call, active);
      this.peak.set(call, Math.max(active, this.peak.get(call) ?? 0));
      try {
        const slow = this.quirks.slow?.[call];
        if (slow !== undefined) await new Promise((resolve) => setTimeout(resolve, slow));
        await this.quirks.held?.[call];
        const failure = this.quirks.failing?.[call];
        if (failure) throw new Refusal(failure.code, failure.details);
        if (this.quirks.missing?.includes(call)) throw new Refusal(status.UNIMPLEMENTED, `unknown method ${call}`);
        const value = await answer(incoming.request);
        reply(null, this.quirks.answers?.[call]?.(value) ?? value);
      } catch (error) {
        reply(error instanceof Refusal ? error : new Refusal(status.INTERNAL, String(error)));
      } finally {
        this.#active.set(call, this.active(call) - 1);
      }
    };
  }

  #subscribe(call: ServerWritableStream<unknown, object>): void {
    this.calls.push("GetContainerEvents");
    if (this.quirks.missing?.includes("GetContainerEvents")) {
      call.emit("error", new Refusal(status.UNIMPLEMENTED, "unknown method GetContainerEvents"));
    } else if (this.quirks.eventsEndAtOnce) call.end();
    else {
      this.#subscribers.add(call);
      call.on("cancelled", () => this.#subscribers.delete(call));
    }
  }

  #tell(containerEventType: number, containerId: string, sandboxId: string): void {
    const podSandboxStatus = this.#sandboxes.get(sandboxId) ?? null;
    for (const subscriber of this.#subscribers) {
      subscriber.write({ containerEventType, containerId, createdAt: now(), podSandboxStatus });
    }
  }

  #runSandbox({ config, runtimeHandler }: runtime.v1.RunPodSandboxRequest): object {
    if (!config?.metadata) throw new Refusal(status.INVALID_ARGUMENT, "sandbox config must include metadata");
    const id = newId();
    this.#sandboxes.set(id, {
      id,
      metadata: config.metadata,
      state: 0,
      createdAt: now(),
      network: {},
      labels: config.labels ?? {},
      annotations: config.annotations ?? {},
      linux: { namespaces: { options: config.linux?.securityContext?.namespaceOptions ?? {} } },
      runtimeHandler,
    });
    this.#tell(0, id, id);
    this.#tell(1, id, id);
    return { podSandboxId: id };
  }

  #stopSandbox(id: string): object {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox || sandbox.state === 1) return {};
    for (const container of this.#containers.values()) if (container.sandboxId === id) this.#exit(container, 137);
    sandbox.state = 1;
    this.#tell(2, id, id);
    return {};
  }

  #removeSandbox(id: string): object {
    this.#stopSandbox(id);
    for (const container of this.#containers.values()) if (container.sandboxId === id) this.#remove(container.id);
    if (this.#sandboxes.has(id)) this.#tell(3, id, id);
    this.#sandboxes.delete(id);
    return {};
  }

  #create({ podSandboxId, config }: runtime.v1.CreateContainerRequest): object {
    this.#sandbox(podSandboxId);
    const image = config?.image?.image ?? "";
    if (![FAKE_IMAGE, this.#image().id].includes(image))
      throw new Refusal(status.NOT_FOUND, `image "${image}": not found`);
    const id = newId();
    this.#containers.set(id, {
      id,
      sandboxId: podSandboxId,
      command: config?.command ?? [],
      metadata: config?.metadata ?? {},
      state: 0,
      createdAt: now(),
      image: { image },
      imageRef: this.#image().id,
      labels: config?.labels ?? {},
      annotations: config?.annotations ?? {},
      mounts: config?.mounts ?? [],
      logPath: config?.logPath ?? "",
      resources: { linux: config?.linux?.resources ?? {} },
    });
    this.#tell(0, id, podSandboxId);
    return { containerId: id };
  }

  #start(id: string): object {
    const container = this.#container(id);
    container.state = 1;
    container.startedAt = now();
    this.#tell(1, id, container.sandboxId);
    const [word, code] = container.command;
    if (word === "exit") this.#exit(container, Number(code));
    return {};
  }

  #stop(id: string): object {
    const container = this.#containers.get(id);
    if (container) this.#exit(container, 143);
    return {};
  }

  #exit(container: Container, exitCode: number): void {
    if (container.state !== 1) return;
    container.state = 2;
    container.finishedAt = now();
    container.exitCode = exitCode;
    container.reason = exitCode === 0 ? "Completed" : "Error";
    this.#tell(2, container.id, container.sandboxId);
  }

  #remove(id: string): object {
    const container = this.#containers.get(id);
    if (!container) return {};
    this.#exit(container, 137);
    this.#containers.delete(id);
    this.#tell(3, id, container.sandboxId);
    return {};
  }

  async #exec({ containerId, cmd, timeout }: runtime.v1.ExecSyncRequest): Promise<object> {
    this.#container(containerId);
    const [word, value = ""] = cmd ?? [];
    if (word === "print") return { stdout: Buffer.from(value) };
    if (word === "exit") return { exitCode: Number(value) };
    await new Promise((resolve) => setTimeout(resolve, timeout * 1000));
    throw new Refusal(status.DEADLINE_EXCEEDED, `command timed out after ${timeout}s`);
  }

  #sandbox(id: string): Sandbox {
    const found = this.#sandboxes.get(id);
    if (!found) throw this.#absent(`sandbox "${id}"`);
    return found;
  }

  #container(id: string): Container {
    const found = this.#containers.get(id);
    if (!found) throw this.#absent(`container "${id}"`);
    return found;
  }

  #absent(what: string): Refusal {
    return this.quirks.unknownInsteadOfNotFound
      ? new Refusal(status.UNKNOWN, `Error response from daemon: No such container: ${what}`)
      : new Refusal(status.NOT_FOUND, `an error occurred when try to find ${what}: not found`);
  }

  #image(): runtime.v1.Image.$Properties & { id: string } {
    const hex = "ab".repeat(32);
    return {
      id: this.quirks.bareImageIds ? hex : `sha256:${hex}`,
      repoTags: [FAKE_IMAGE],
      size: 1234,
      uid: { value: 0 },
    };
  }
}

const VERSION = { version: "0.1.0", runtimeName: "fake", runtimeVersion: "1.0", runtimeApiVersion: "v1" };
const STATUS = {
  status: {
    conditions: [
      { type: "RuntimeReady", status: true },
      { type: "NetworkReady", status: false, reason: "NetworkPluginNotReady", message: "no network" },
      { type: "ContainerdHasNoDeprecationWarnings", status: true },
    ],
  },
};

const newId = (): string => randomBytes(32).toString("hex");
const now = (): number => Date.now() * 1e6;
const selects = (selector: Labels | null | undefined, labels: Labels | null | undefined): boolean =>
  Object.entries(selector ?? {}).every(([key, value]) => labels?.[key] === value);
type Labels = { readonly [key: string]: string };

function describe<Q>(
  service: string,
  call: string,
  request: Decoder<Q>,
  response: Encoder,
  responseStream: boolean,
): object {
  return {
    path: `/${service}/${call}`,
    requestStream: false,
    responseStream,
    requestDeserialize: (data: Buffer) => request.decode(data),
    requestSerialize: () => Buffer.alloc(0),
    responseSerialize: (message: object) => response.encode(message).finish() as Buffer,
    responseDeserialize: () => ({}),
  };
}
