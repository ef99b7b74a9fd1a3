/**
 * A whole cluster for tests: a real control plane, a registry, a node. Start with `await using cluster = await TestCluster.start()`; at the end of the scope
 * all of it is gone. One to a test file, because it uses the well-known ports of the file's own network.
 */

import { addOnsReady, installAddOns } from "../../scripts/lib/cluster/add-ons.ts";
import type { AnyObject, ApiClient, UntilOptions } from "../../scripts/lib/cluster/api-client.ts";
import { ControlPlane, type ControlPlaneOptions } from "../../scripts/lib/cluster/control-plane.ts";
import { busyboxImage } from "../../scripts/lib/images.ts";
import { Registry } from "../../scripts/lib/registry.ts";
import type { Finished } from "../../scripts/lib/run.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { ClusterNode, type ClusterNodeOptions } from "./cluster-node.ts";
import { isReady, ownNetwork } from "./kubelet.ts";
import { Scratch } from "./scratch.ts";

export interface TestClusterOptions extends ClusterNodeOptions {
  /** False: a control plane without a node; see addNode(). */
  readonly node?: boolean;
  /** Cluster DNS and services: CoreDNS and kube-proxy as pods, which takes some seconds more. */
  readonly addOns?: boolean;
  readonly apiServerArgs?: ControlPlaneOptions["apiServerArgs"];
  readonly controllerManagerArgs?: ControlPlaneOptions["controllerManagerArgs"];
  /** False: the API server does not check kubelets' serving certificates, as in kubeadm's clusters. */
  readonly verifyKubelets?: boolean;
}

const PODS = "/api/v1/namespaces/default/pods";

export class TestCluster implements AsyncDisposable {
  readonly scratch: Scratch;
  readonly plane: ControlPlane;
  readonly registry: Registry;
  /** Of all nodes and of the API server. */
  readonly address: string;
  readonly nodes: ClusterNode[] = [];
  readonly #options: TestClusterOptions;

  private constructor(
    parts: Pick<TestCluster, "scratch" | "plane" | "registry" | "address">,
    options: TestClusterOptions,
  ) {
    this.scratch = parts.scratch;
    this.plane = parts.plane;
    this.registry = parts.registry;
    this.address = parts.address;
    this.#options = options;
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const { address } = await ownNetwork();
    await using made = new AsyncDisposableStack();
    const scratch = made.use(new Scratch("cluster"));
    const registry = made.use(await Registry.start({ folder: scratch.path("registry") }));
    await registry.push("busybox", "1", await busyboxImage());
    const { apiServerArgs = [], controllerManagerArgs = [], verifyKubelets = true } = options;
    const plane = made.use(
      await ControlPlane.start({
        folder: scratch.path("plane"),
        address,
        apiServerArgs,
        controllerManagerArgs,
        verifyKubelets,
      }),
    );
    const cluster = new TestCluster({ scratch, plane, registry, address }, options);
    made.move();
    if (options.node !== false) {
      try {
        await cluster.addNode(options);
        if (options.addOns) await cluster.installAddOns();
      } catch (error) {
        await cluster[Symbol.asyncDispose]();
        throw error;
      }
    }
    return cluster;
  }

  /** The first node. */
  get node(): ClusterNode {
    const [node] = this.nodes;
    if (node === undefined) throw new RangeError("this cluster has no node yet");
    return node;
  }

  /** As kubernetes-admin, without the cost of a kubectl. */
  get api(): ApiClient {
    return this.plane.api;
  }

  /** Of kubernetes-admin. */
  get kubeconfig(): string {
    return this.plane.adminKubeconfig;
  }

  /** One more node, Ready unless `started` is false. Options that are not given are those of the cluster, but for the name. */
  async addNode(options: ClusterNodeOptions = {}): Promise<ClusterNode> {
    const index = this.nodes.length;
    const place = {
      folder: this.scratch.path(`n${index}`),
      cgroup: `${this.scratch.name}-${index}`,
      ...{ address: this.address, registry: this.registry, index },
    };
    const name = index === 0 ? "node" : `node-${index}`;
    const node = await ClusterNode.start(this.plane, place, { ...this.#options, name, ...options });
    this.nodes.push(node);
    return node;
  }

  /** CoreDNS and kube-proxy, doing their work. */
  async installAddOns(): Promise<void> {
    await installAddOns(this.plane, this.registry);
    try {
      await addOnsReady(this.api);
    } catch (error) {
      const words = await this.kubectl("-n", "kube-system", "describe", "pods");
      const logs = this.nodes.map((node) => node.log().slice(-4000));
      throw new Error([error instanceof Error ? error.message : error, words, ...logs].join("\n"), { cause: error });
    }
  }

  /** Runs kubectl as kubernetes-admin; throws with its words unless it succeeds. */
  async kubectl(...args: readonly string[]): Promise<string> {
    return await this.plane.kubectl(...args);
  }

  /** The same for calls that may fail, or that need input. */
  async tryKubectl(args: readonly string[], input?: string): Promise<Finished> {
    return await this.plane.tryKubectl(args, input);
  }

  /** `kubectl apply` of any objects. */
  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    const { code, stderr } = await this.tryKubectl(["apply", "-f", "-"], JSON.stringify(list));
    if (code !== 0) throw new Error(`kubectl apply failed: ${stderr}\n${JSON.stringify(list)}`);
  }

  /** Makes a pod in the default namespace. */
  async createPod(pod: Pod): Promise<Pod> {
    return await this.api.create<Pod>(PODS, pod);
  }

  async pod(name: string): Promise<Pod | undefined> {
    return await this.api.find<Pod>(`${PODS}/${name}`);
  }

  /** The pod, as soon as the API server has it as wanted. On failure the kubelet's last words are told. */
  async waitFor(name: string, wanted: (pod: Pod) => boolean, options: UntilOptions = {}): Promise<Pod> {
    const found = await this.until<Pod>(PODS, name, (pod) => pod !== undefined && wanted(pod), {
      what: `pod ${name} to be as wanted: ${wanted}`,
      ...options,
    });
    if (found === undefined) throw new TypeError("a pod that is not there was as wanted");
    return found;
  }

  async waitReady(name: string): Promise<Pod> {
    return await this.waitFor(name, isReady);
  }

  async waitPhase(name: string, phase: string): Promise<Pod> {
    return await this.waitFor(name, ({ status }) => status?.phase === phase, { what: `pod ${name} to be ${phase}` });
  }

  /** Waits until the API server has no such pod. */
  async waitGone(name: string): Promise<void> {
    await this.until<Pod>(PODS, name, (pod) => pod === undefined, { what: `pod ${name} to be gone` });
  }

  /** Any object of a collection, by watch; on failure the nodes' last words are told. */
  async until<T = AnyObject>(
    collection: string,
    name: string,
    wanted: (object: T | undefined) => boolean,
    options: UntilOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.api.until<T>({ collection, name }, wanted, options);
    } catch (error) {
      const logs = this.nodes.map((node) => `${node.name}: ${node.log().slice(-4000)}`);
      throw new Error([error instanceof Error ? error.message : `${error}`, ...logs].join("\n"), { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
    await this.plane[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}
