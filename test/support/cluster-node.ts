/** A node of a test cluster: a container runtime and a kubelet in a folder and a cgroup of their own. */
import { existsSync, globSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ControlPlane } from "../../scripts/lib/cluster/control-plane.ts";
import { Program } from "../../scripts/lib/cluster/program.ts";
import type { Registry } from "../../scripts/lib/registry.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { runtimePaths, stopEmbedded } from "../../src/adapters/containerd/index.ts";
import { createClock } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { CgroupRoot } from "./cgroups.ts";
import {
  type IdentityChoice,
  type KubeletChoice,
  type KubeletPlaces,
  kubeletArgs,
  kubeletProgram,
  writeConfig,
} from "./cluster-kubelet.ts";
import { Containerd } from "./containerd.ts";
import { useRegistry } from "./embedded-registry.ts";
import type { RuntimeChoice } from "./kubelet.ts";

export interface ClusterNodeOptions {
  /** "node" unless given. */
  readonly name?: string;
  /** Unless given, ours; with CLUSTER_KUBELET=go in the environment, Go's: so that every test can be run on both. */
  readonly kubelet?: KubeletChoice;
  /** containerd 2.4 unless given. The Go kubelet cannot have an embedded one. */
  readonly runtime?: RuntimeChoice;
  /** "certificate" unless given. */
  readonly identity?: IdentityChoice;
  /** Fields of KubeletConfiguration, over those that every node has. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of the kubelet's server and its /healthz; others for each node of a cluster unless given. */
  readonly ports?: readonly [number, number];
  /** False: everything is there, but the kubelet is started by the test. */
  readonly started?: boolean;
  /** The kubelet's program, instead of the one that `kubelet` would build. */
  readonly file?: string;
  /** Told when the kubelet ended by itself. */
  readonly onEnd?: (program: Program) => void;
  /** Keeps the programs out of a terminal's process group, and so from its ^C. */
  readonly detached?: boolean;
}

export interface ClusterNodePlace {
  /** Made if it is not there. Keep the path short: sockets in it may have 107 bytes. */
  readonly folder: string;
  /** Unique on the machine; becomes the cgroup of all pods. */
  readonly cgroup: string;
  readonly address: string;
  readonly registry: Registry;
  /** Hosts in image references that the registry stands for; "registry.local" unless given. */
  readonly imageHosts?: readonly string[];
  /** The how-manieth node of its cluster: gives it other pod addresses than the others. */
  readonly index: number;
}

/** Below those that the kernel gives to clients: while a kubelet is started again, nobody else gets its port. */
const PORT = 11_250;
const HEALTH_PORT = 12_250;
/** Where the Go kubelet puts links to containers' logs, whatever it is told. */
const CONTAINER_LOGS = "/var/log/containers";
/** The Go kubelet makes it, whatever its root directory. */
const DEVICE_PLUGINS = "/var/lib/kubelet/device-plugins";

export class ClusterNode implements AsyncDisposable {
  readonly name: string;
  readonly choice: KubeletChoice;
  readonly places: KubeletPlaces;
  /** Start, stop, kill, pause, restart; pods keep running. */
  readonly kubelet: Program;
  /** The given runtime; undefined with an embedded one. */
  readonly containerd: Containerd | undefined;
  readonly #plane: ControlPlane;
  readonly #cgroup: CgroupRoot;
  readonly #hadDevicePlugins = existsSync(DEVICE_PLUGINS);

  private constructor(parts: Parts) {
    this.name = parts.places.name;
    this.choice = parts.choice;
    this.places = parts.places;
    this.kubelet = parts.kubelet;
    this.containerd = parts.containerd;
    this.#plane = parts.plane;
    this.#cgroup = parts.cgroup;
  }

  /** A node that is Ready, unless `started` is false. */
  static async start(plane: ControlPlane, place: ClusterNodePlace, options: ClusterNodeOptions): Promise<ClusterNode> {
    const { name = "node", kubelet: choice = usualKubelet(), runtime = { release: "2.4" } } = options;
    if (choice === "go" && typeof runtime === "string")
      throw new TypeError("the Go kubelet needs a runtime with an endpoint: runtime: { release: … }");
    const file = options.file ?? (await kubeletProgram(choice));
    await using made = new AsyncDisposableStack();
    const cgroup = made.use(new CgroupRoot(place.cgroup));
    const containerd =
      typeof runtime === "object" ? made.use(await startContainerd(place, runtime.release)) : undefined;
    const [port, healthPort] = options.ports ?? [PORT + place.index, HEALTH_PORT + place.index];
    const at = (folder: string) => join(place.folder, folder);
    const places: KubeletPlaces = {
      ...{ name, port, healthPort, address: place.address, cgroup: cgroup.path },
      endpoint: containerd?.endpoint ?? "embedded",
      ...{ root: at("root"), config: at("config.json"), manifests: at("manifests"), podLogs: at("logs") },
    };
    for (const folder of [places.root, places.manifests]) mkdirSync(folder, { recursive: true, mode: 0o750 });
    if (containerd === undefined) useRegistry(places.root, place.registry.address, place.imageHosts);
    await writeConfig(places, plane.pki, options.config ?? {});
    const path = runtime === "embedded 2.4" ? { PATH: `${await ensureTool("containerd")}:${process.env.PATH}` } : {};
    const kubelet = new Program({
      name: `the kubelet of ${name}`,
      file,
      args: [...(await kubeletArgs(places, plane, options.identity ?? "certificate")), ...(options.args ?? [])],
      log: at("kubelet.log"),
      env: { ...path, ...options.env },
      isReady: () => isHealthy(healthPort),
      detached: options.detached ?? false,
      ...(options.onEnd === undefined ? {} : { onEnd: options.onEnd }),
    });
    const node = new ClusterNode({ places, choice, plane, cgroup, containerd, kubelet });
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

  /** Starts the kubelet and waits until the API server says that the node is Ready. */
  async start(): Promise<void> {
    await this.kubelet.start();
    await this.untilReady();
  }

  async untilReady(): Promise<void> {
    const isReady = (node: NodeObject | undefined) =>
      node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
    try {
      const what = `node ${this.name} to be Ready`;
      await Promise.race([
        this.#plane.api.until<NodeObject>({ collection: "/api/v1/nodes", name: this.name }, isReady, { what }),
        this.kubelet.unexpectedEnd(),
      ]);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.log().slice(-4000)}`, {
        cause: error,
      });
    }
  }

  /** Writes the configuration file anew, with these fields over those that every node has; it counts from the next start. */
  async configure(more: Readonly<Record<string, unknown>>): Promise<void> {
    await writeConfig(this.places, this.#plane.pki, more);
  }

  /** The runtime's socket, "unix:///…". */
  get endpoint(): string {
    return this.containerd?.endpoint ?? runtimePaths(this.places.root).endpoint;
  }

  /** Everything the kubelet has said, over all its starts. */
  log(): string {
    return this.kubelet.log();
  }

  /** Ends kubelet, runtime and every container at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kubelet.stop();
    if (this.containerd === undefined)
      await stopEmbedded(this.places.root, { log: silentLog, clock: createClock() }, new AbortController().signal);
    await this.containerd?.[Symbol.asyncDispose]();
    await this.#cgroup[Symbol.asyncDispose]();
    this.#removeOutside();
  }

  /** What kubelets leave outside their folder. */
  #removeOutside(): void {
    for (const link of globSync(`${CONTAINER_LOGS}/*.log`))
      if (pointsInto(link, this.places.podLogs)) rmSync(link, { force: true });
    if (this.choice === "ours" || this.#hadDevicePlugins) return;
    rmSync(DEVICE_PLUGINS, { recursive: true, force: true });
    const parent = join(DEVICE_PLUGINS, "..");
    if (existsSync(parent) && readdirSync(parent).length === 0) rmdirSync(parent);
  }
}

export function usualKubelet(): KubeletChoice {
  return process.env.CLUSTER_KUBELET === "go" ? "go" : "ours";
}

interface Parts {
  readonly places: KubeletPlaces;
  readonly choice: KubeletChoice;
  readonly plane: ControlPlane;
  readonly cgroup: CgroupRoot;
  readonly containerd: Containerd | undefined;
  readonly kubelet: Program;
}

/** As much of a Node as is looked at here. */
interface NodeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function startContainerd(place: ClusterNodePlace, release: "1.6" | "2.4"): Promise<Containerd> {
  const { folder, registry, imageHosts = ["registry.local"], index } = place;
  const own = join(folder, "cd");
  mkdirSync(own, { recursive: true });
  return await Containerd.start({
    release,
    folder: own,
    registries: Object.fromEntries(imageHosts.map((host) => [host, registry.address])),
    // What the controller manager gives to the cluster's nodes, in the order in which they come.
    podCidr: `10.244.${index}.0/24`,
    bridge: `cni${index}`,
  });
}

async function isHealthy(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`);
  await response.body?.cancel();
  return response.ok;
}

function pointsInto(link: string, folder: string): boolean {
  try {
    return readlinkSync(link).startsWith(`${folder}/`);
  } catch {
    return false;
  }
}
