/**
 * A standalone kubelet with everything around it, for tests of the whole: a network, cgroup root, registry and root directory of its own, and a container
 * runtime. Start with `await using node = await TestNode.start({ runtime: "embedded" })`; at the end of the scope all of it is gone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { buildKubelet } from "../../scripts/build.ts";
import { freePort } from "../../scripts/lib/free-port.ts";
import { busyboxImage } from "../../scripts/lib/images.ts";
import { enterOwnNetwork, type OwnNetwork } from "../../scripts/lib/own-network.ts";
import { Registry } from "../../scripts/lib/registry.ts";
import { type Finished, stopChild, tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { runtimePaths, stopEmbedded } from "../../src/adapters/containerd/index.ts";
import { type Cri, connectCri } from "../../src/adapters/cri/index.ts";
import { createLocalClient } from "../../src/adapters/http/index.ts";
import { createClock, createRandom, detectHost } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { seconds } from "../../src/base/units.ts";
import type { ContainerStatus, Pod } from "../../src/model/kubernetes.ts";
import type { LocalAnswers, RejectedManifest } from "../../src/node/index.ts";
import { CgroupRoot } from "./cgroups.ts";
import { Containerd, type Release } from "./containerd.ts";
import { useRegistry } from "./embedded-registry.ts";
import { Scratch } from "./scratch.ts";

/** "embedded" takes the containerd that is first on PATH, Debian's 1.6; "embedded 2.4" puts ours there. With a release, the kubelet is given an endpoint. */
export type RuntimeChoice = "embedded" | "embedded 2.4" | { readonly release: Release };

export interface TestNodeOptions {
  readonly runtime: RuntimeChoice;
  /** Fields of KubeletConfiguration, over those that every test node has. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** False: everything is there, but the kubelet is started by the test. */
  readonly started?: boolean;
  /** Several nodes of one test file share a network and need different ones. */
  readonly podCidr?: string;
}

/** In every node's registry: a busybox with a shell. */
export const IMAGE = "registry.local/busybox:1";
const NODE_NAME = "node";
const PATIENCE_MS = 60_000;
const CALL_MS = 20_000;

let network: Promise<OwnNetwork> | undefined;

/** Moves this process into a network of its own, once. Call it before any socket is opened. */
export function ownNetwork(): Promise<OwnNetwork> {
  network ??= enterOwnNetwork();
  return network;
}

export class TestNode {
  readonly name = NODE_NAME;
  readonly scratch: Scratch;
  readonly cgroup: CgroupRoot;
  readonly registry: Registry;
  /** The given runtime; undefined with an embedded one. */
  readonly containerd: Containerd | undefined;
  readonly address: string;
  /** TLS port of the kubelet's HTTP server. */
  readonly port: number;
  readonly healthPort: number;
  readonly #launcher: string;
  readonly #options: TestNodeOptions;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #cri: Cri | undefined;
  #asked: Promise<PodsAnswer> | undefined;

  private constructor(parts: Parts, options: TestNodeOptions) {
    this.scratch = parts.scratch;
    this.cgroup = parts.cgroup;
    this.registry = parts.registry;
    this.containerd = parts.containerd;
    this.address = parts.address;
    [this.port, this.healthPort] = parts.ports;
    this.#launcher = parts.launcher;
    this.#env = { ...process.env, ...parts.env, ...options.env };
    this.#options = options;
  }

  static async start(options: TestNodeOptions): Promise<TestNode> {
    const { address } = await ownNetwork();
    // Another folder than dist/, where several work on one checkout.
    const { launcher } = await buildKubelet(undefined, process.env.KUBELET_TS_DIST);
    await using made = new AsyncDisposableStack();
    const scratch = made.use(new Scratch("node"));
    const cgroup = made.use(new CgroupRoot(scratch.name));
    const registry = made.use(await Registry.start({ folder: scratch.path("registry") }));
    await registry.push("busybox", "1", await busyboxImage());
    const { runtime, podCidr = "10.202.0.0/24" } = options;
    const containerd =
      typeof runtime === "object"
        ? made.use(
            await Containerd.start({
              release: runtime.release,
              folder: scratch.path("cd"),
              registries: { "registry.local": registry.address },
              podCidr,
              // Other nodes of this test have bridges in the same network.
              bridge: `br-${scratch.name.slice(-6)}`,
            }),
          )
        : undefined;
    const env = runtime === "embedded 2.4" ? { PATH: `${await ensureTool("containerd")}:${process.env.PATH}` } : {};
    const ports: [number, number] = [await freePort(), await freePort()];
    const node = new TestNode({ scratch, cgroup, registry, containerd, address, ports, launcher, env }, options);
    for (const folder of [node.root, node.manifests]) mkdirSync(folder, { recursive: true, mode: 0o750 });
    if (containerd === undefined) useRegistry(node.root, registry.address);
    node.configure();
    // From here on the node's own disposal covers the parts.
    made.move();
    if (options.started !== false) {
      try {
        await node.start();
      } catch (error) {
        await node[Symbol.asyncDispose]();
        throw error;
      }
    }
    return node;
  }

  /** The kubelet's --root-dir. */
  get root(): string {
    return this.scratch.path("root");
  }

  get manifests(): string {
    return this.scratch.path("manifests");
  }

  get podLogsDir(): string {
    return this.containerd ? this.scratch.path("logs") : join(this.root, "logs/pods");
  }

  get containerLogsDir(): string {
    return this.containerd ? "/var/log/containers" : join(this.root, "logs/containers");
  }

  get endpoint(): string {
    return this.containerd?.endpoint ?? runtimePaths(this.root).endpoint;
  }

  /** Of the kubelet, while it runs. */
  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** A client of our own, to look at the runtime past the kubelet. */
  get cri(): Cri {
    this.#cri ??= connectCri({
      endpoint: this.endpoint,
      requestTimeout: seconds(20),
      log: silentLog,
      clock: createClock(),
      random: createRandom(),
    });
    return this.#cri;
  }

  /** Writes the configuration file; it counts from the next start. */
  configure(more: Readonly<Record<string, unknown>> = {}): void {
    const settings = {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      staticPodPath: this.manifests,
      port: this.port,
      healthzPort: this.healthPort,
      cgroupDriver: "cgroupfs",
      cgroupRoot: this.cgroup.path,
      enforceNodeAllocatable: [],
      oomScoreAdj: 0,
      failSwapOn: false,
      podCIDR: this.#options.podCidr ?? "10.202.0.0/24",
      ...(this.containerd ? { podLogsDir: this.podLogsDir } : {}),
      ...(detectHost().cgroupVersion === 1 ? { failCgroupV1: false } : {}),
      ...this.#options.config,
      ...more,
    };
    writeFileSync(this.scratch.path("config.json"), JSON.stringify(settings, undefined, 2));
  }

  /** Starts the process and does not wait: for kubelets that are not expected to come up. */
  launch(): void {
    const output = openSync(this.scratch.path("kubelet.log"), "a");
    const args = [
      `--root-dir=${this.root}`,
      `--config=${this.scratch.path("config.json")}`,
      `--hostname-override=${NODE_NAME}`,
      `--container-runtime-endpoint=${this.containerd?.endpoint ?? "embedded"}`,
      ...(this.#options.args ?? []),
    ];
    this.#child = spawn(this.#launcher, args, { stdio: ["ignore", output, output], env: this.#env });
    closeSync(output);
  }

  /** Starts the kubelet and waits until it has its runtime and answers. */
  async start(): Promise<void> {
    const before = this.log().length;
    this.launch();
    const isUp = async () => {
      if (!this.running) throw new Error(`the kubelet has ended: ${this.#child?.signalCode ?? this.#child?.exitCode}`);
      return this.log().indexOf("Runtime is ready", before) >= 0 && (await this.get("/healthz")).status === 200;
    };
    await waitFor("the kubelet to be ready", isUp, { timeout: PATIENCE_MS, explain: () => this.log().slice(-4000) });
  }

  /** SIGKILL, and the end of the process. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** SIGTERM, and the end of the process; pods keep running. */
  async stop(): Promise<void> {
    if (this.#child) await stopChild(this.#child, 30_000);
  }

  /** Waits for a kubelet to end by itself and returns its exit code. */
  async exitCode(): Promise<number | null> {
    const child = this.#child;
    await waitFor("the kubelet to end", () => !this.running, {
      timeout: PATIENCE_MS,
      explain: () => this.log().slice(-4000),
    });
    return child?.exitCode ?? null;
  }

  /** Everything the kubelet has said, over all its starts. */
  log(): string {
    const file = this.scratch.path("kubelet.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Puts a manifest into the folder whole, by a rename: a pod by its name, or any text under a file name. */
  put(manifest: Pod): void;
  put(file: string, content: string | Uint8Array): void;
  put(what: Pod | string, content: string | Uint8Array = ""): void {
    const file = typeof what === "string" ? what : `${what.metadata?.name}.json`;
    const unfinished = this.scratch.path(`.${file}`);
    writeFileSync(unfinished, typeof what === "string" ? content : JSON.stringify(what));
    renameSync(unfinished, join(this.manifests, file));
  }

  /** Takes the manifest of a pod away, or the file of that name. */
  remove(name: string): void {
    for (const file of [name, `${name}.json`]) rmSync(join(this.manifests, file), { force: true });
  }

  /** Pods as the local socket shows them. */
  async pods(): Promise<readonly Pod[]> {
    return (await this.#podsAnswer()).items;
  }

  async rejectedManifests(): Promise<readonly RejectedManifest[]> {
    return (await this.#podsAnswer()).rejectedManifests ?? [];
  }

  /** By the name in its manifest. */
  async pod(name: string): Promise<Pod | undefined> {
    return (await this.pods()).find(({ metadata }) => metadata?.name === `${name}-${NODE_NAME}`);
  }

  /** The pod, as soon as it is as wanted. */
  async waitFor(name: string, wanted: (pod: Pod) => boolean, timeout = PATIENCE_MS): Promise<Pod> {
    let last: Pod | undefined;
    const look = async () => {
      last = await this.pod(name);
      return last !== undefined && wanted(last) ? last : undefined;
    };
    const explain = () => `${wanted}\n${JSON.stringify(last?.status)}\n${this.log().slice(-4000)}`;
    return await waitFor(`pod ${name} to be as wanted`, look, { timeout, interval: 100, explain });
  }

  /** Waits until the kubelet knows nothing of a pod any more. */
  async waitGone(name: string, timeout = PATIENCE_MS): Promise<void> {
    const explain = () => this.log().slice(-4000);
    const isGone = async () => (await this.pod(name)) === undefined;
    await waitFor(`pod ${name} to be gone`, isGone, { timeout, interval: 100, explain });
  }

  async waitPhase(name: string, phase: string): Promise<Pod> {
    return await this.waitFor(name, ({ status }) => status?.phase === phase);
  }

  async waitReady(name: string): Promise<Pod> {
    return await this.waitFor(name, isReady);
  }

  async events(): Promise<LocalAnswers["events"]> {
    return (await this.getJson("/local/events")) as LocalAnswers["events"];
  }

  /** Waits for an event of a pod with a reason and a message that match. */
  async waitEvent(pod: string, reason: string, message: RegExp): Promise<void> {
    const uid = (await this.waitFor(pod, () => true)).metadata?.uid;
    const look = async () =>
      (await this.events()).some(
        (one) =>
          one.about.kind === "pod" && one.about.uid === uid && one.reason === reason && message.test(one.message),
      );
    const explain = async () => JSON.stringify(await this.events(), undefined, 1);
    await waitFor(`event ${reason} of pod ${pod}`, look, { timeout: PATIENCE_MS, interval: 100, explain });
  }

  /** Asks over the local socket. */
  async get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const client = createLocalClient(join(this.root, "kubelet.sock"));
    const { status, body } = await client.get(path, AbortSignal.timeout(CALL_MS));
    return { status, body: await text(body) };
  }

  async getJson(path: string): Promise<unknown> {
    const { status, body } = await this.get(path);
    if (status !== 200) throw new Error(`the kubelet answered ${status} to ${path}: ${body}`);
    return JSON.parse(body);
  }

  /** What a container has said, as the kubelet serves it; `query` as in "?previous=true". */
  async logs(pod: string, container = "main", query = ""): Promise<string> {
    const path = `/containerLogs/default/${pod}-${NODE_NAME}/${container}${query}`;
    const { status, body } = await this.get(path);
    if (status === 200) return body;
    throw new Error(`the kubelet answered ${status} to ${path}: ${body}`);
  }

  /** Waits until a container has said something that matches, and returns all it has said. */
  async waitLog(pod: string, pattern: RegExp, container = "main", query = ""): Promise<string> {
    let last = "";
    const look = async () => {
      last = await this.logs(pod, container, query);
      return pattern.test(last) ? { last } : undefined;
    };
    const explain = () => `it said: ${last}\n${this.log().slice(-3000)}`;
    return (await waitFor(`${pattern} in the log of ${pod}`, look, { timeout: PATIENCE_MS, interval: 100, explain }))
      .last;
  }

  /** Runs one of the kubelet's verbs as a person would. */
  async verb(...words: readonly string[]): Promise<Finished> {
    return await tryRun(this.#launcher, words, { env: { KUBELET_ROOT: this.root }, timeout: CALL_MS });
  }

  /** A verb that goes on, such as `logs -f`. End it by its own means or with kill(). */
  follow(...words: readonly string[]): ChildProcess {
    return spawn(this.#launcher, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, KUBELET_ROOT: this.root },
    });
  }

  /** Runs a shell line in a container; `pod` and `container` by their names in the manifest. */
  async exec(pod: string, line: string, container = "main"): Promise<string> {
    const found = containerOf(await this.pod(pod), container);
    const id = found?.containerID?.replace(/^[a-z-]+:\/\//, "") ?? "";
    const { stdout, stderr, exitCode } = await this.cri.runtime.execSync(
      id,
      ["sh", "-c", line],
      seconds(15),
      AbortSignal.timeout(CALL_MS),
    );
    if (exitCode === 0) return Buffer.from(stdout).toString();
    throw new Error(`"${line}" in ${pod}/${container} ended with ${exitCode}: ${Buffer.from(stderr)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.#endPods();
    await this.stop();
    this.#cri?.close();
    if (this.containerd === undefined)
      await stopEmbedded(this.root, { log: silentLog, clock: createClock() }, new AbortController().signal);
    await this.containerd?.[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
    await this.cgroup[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }

  /** As far as they do so soon: what stays is killed with the runtime. */
  async #endPods(): Promise<void> {
    for (const file of readdirSync(this.manifests)) this.remove(file);
    const isEmpty = async () => (await this.pods()).length === 0;
    await waitFor("the pods to end", isEmpty, { timeout: 10_000 }).catch(() => undefined);
  }

  /** Tests that wait side by side share an answer. */
  async #podsAnswer(): Promise<PodsAnswer> {
    this.#asked ??= (this.getJson("/pods") as Promise<PodsAnswer>).finally(() => {
      this.#asked = undefined;
    });
    return await this.#asked;
  }
}

interface PodsAnswer {
  readonly items: readonly Pod[];
  readonly rejectedManifests?: readonly RejectedManifest[];
}

interface Parts {
  readonly scratch: Scratch;
  readonly cgroup: CgroupRoot;
  readonly registry: Registry;
  readonly containerd: Containerd | undefined;
  readonly address: string;
  readonly ports: [number, number];
  readonly launcher: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The status of a container, init containers too. */
export function containerOf(pod: Pod | undefined, name = "main"): ContainerStatus | undefined {
  const all = [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])];
  return all.find((one) => one.name === name);
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}

/** Every container's id without the runtime's prefix, by name. */
export function containerIds(pod: Pod): Readonly<Record<string, string>> {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return Object.fromEntries(all.map(({ name, containerID = "" }) => [name, containerID.replace(/^.*:\/\//, "")]));
}

type Spec = NonNullable<Pod["spec"]>;

/** A manifest with one container "main" that runs a shell line; `more` and `spec` are laid over it. */
export function shellPod(
  name: string,
  line: string,
  more: Partial<Spec["containers"][number]> = {},
  spec: Partial<Spec> = {},
  metadata: NonNullable<Pod["metadata"]> = {},
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [{ name: "main", image: IMAGE, command: ["sh", "-c", line], ...more }],
      ...spec,
    },
  };
}

/** A shell line that stays until it is told to end, and ends then at once. */
export const STAY = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";
