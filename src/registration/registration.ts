import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { Node } from "../model/kubernetes.ts";
import { timeText } from "../model/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { NodeFacts } from "../ports/node-facts.ts";
import type { Random } from "../ports/random.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import { NODES } from "./collections.ts";
import { CsiNodeKeeper } from "./csi-node.ts";
import { Heartbeats } from "./heartbeat.ts";
import { initialNode } from "./initial-node.ts";
import { LeaseKeeper } from "./lease.ts";
import { NodeEvents } from "./node-events.ts";
import { type StatusFacts, withStatus } from "./node-status.ts";
import { heartbeatPatience, type RegistrationOptions } from "./options.ts";
import { OwnNode } from "./own-node.ts";
import { PodCidrKeeper } from "./pod-cidr.ts";
import { MachineReadings, type Readings } from "./readings.ts";
import { RuntimeWatch } from "./runtime-watch.ts";
import { StatusKeeper } from "./status-keeper.ts";

export interface RegistrationDeps {
  /** For the watch on our Node and the CSINode. */
  readonly api: KubeApi;
  /** For lease and status, on a connection of its own and without a limit of queries per second. */
  readonly heartbeats: KubeApi;
  /** The API server failed to serve heartbeats one after the other. It may take connections and be of no use: then another one may be. */
  readonly onHeartbeatsFail?: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly events: Events;
  readonly facts: NodeFacts;
  readonly runtime: Pick<Runtime, "status" | "version">;
  readonly images: Pick<Images, "listImages" | "imageFilesystems">;
  /** Go's name of the processor: see goArch. */
  readonly arch: string;
  readonly declaredFeatures: readonly string[];
  /** Where pods get their addresses from: see PodCidrDeps. */
  readonly usePodCidr: (podCidrs: string, signal: AbortSignal) => Promise<void>;
  /** Without a range from the Node no pod network can be made: the embedded runtime's, before it was given its first. */
  readonly waitsForPodCidr: boolean;
  /** What else keeps the node from running pods, in words; "PLEG is not healthy: …". */
  readonly moreProblems?: () => readonly string[];
  /** Another, told after all others, as upstream has it: "node is shutting down". */
  readonly lastProblem?: () => string | undefined;
  /** After each change of our Node object; undefined: it was deleted. */
  readonly onNode?: (node: Node | undefined) => void;
  /** `networkProblem` is none any more: pods that wait for a network can go on. */
  readonly onNetworkReady?: () => void;
}

const FIRST_ANSWER = seconds(2);

/**
 * What the cluster knows of this node: the Node object with its status, its lease, its CSINode, all kept until the signal aborts.
 *
 * Wiring: `new Registration(registrationOptions(config), deps)`, then `run(signal)` beside the core. Tell it what only others see at once:
 * `runtimeChanged()` when the runtime's event stream breaks or comes back, `imagesChanged()` after a pull or removal, `look()` when
 * `moreProblems` or `lastProblem` says something new. Others ask `node` (labels, taints, allocatable, volumesAttached), `internalIps` (a pod's hostIPs),
 * and `networkProblem` before they make a sandbox that needs the pod network.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #deps: RegistrationDeps;
  readonly #own: OwnNode;
  readonly #events: NodeEvents;
  readonly #runtime: RuntimeWatch;
  readonly #machine: MachineReadings;
  readonly #status: StatusKeeper;
  readonly #lease: LeaseKeeper;
  readonly #podCidr: PodCidrKeeper;
  readonly #csiNode: CsiNodeKeeper;
  #readings: Readings | undefined;
  #hadNetwork = false;

  constructor(options: RegistrationOptions, deps: RegistrationDeps) {
    this.#options = options;
    this.#deps = deps;
    const { clock, random, log, heartbeats, facts, images } = deps;
    this.#own = new OwnNode(options.nodeName, deps, (node, byOthers) => this.#onNode(node, byOthers));
    this.#events = new NodeEvents(options.nodeName, deps.events);
    this.#machine = new MachineReadings(options, { facts, images, clock, log });
    this.#runtime = new RuntimeWatch({ ...deps, onChange: () => this.#runtimeSaid() });
    this.#podCidr = new PodCidrKeeper({ ...deps, use: deps.usePodCidr, onUsed: () => this.#podCidrUsed() });
    this.#csiNode = new CsiNodeKeeper(options.nodeName, { ...deps, onDone: () => this.look() });
    const patience = heartbeatPatience(options);
    const beats = new Heartbeats({ clock, patience, onRepeatedFailure: deps.onHeartbeatsFail });
    const base = { api: heartbeats, heartbeats: beats, clock, random, log };
    this.#lease = new LeaseKeeper(options, {
      ...base,
      node: () => this.#own.current,
      whenNode: (signal) => this.#own.whenKnown(signal),
    });
    this.#status = new StatusKeeper(options, {
      ...base,
      own: this.#own,
      events: this.#events,
      read: async (signal) => {
        this.#readings = await this.#machine.read(signal);
      },
      compute: (node, signal) => this.#compute(node, signal),
      initial: () => initialNode(options, deps.arch),
      changesAt: () => this.#runtime.downAt,
      isSettling: () => this.#runtime.status === undefined || !this.#csiNode.isDone(this.node?.metadata?.uid),
    });
  }

  /** Our Node as the API server has it; undefined while it is not known, or not there. */
  get node(): Node | undefined {
    return this.#own.current;
  }

  /** Reads our Node past the watch, which may be behind. @throws KubeletError, or `signal.reason` */
  async renewNode(signal: AbortSignal): Promise<void> {
    this.#own.took(await this.#deps.api.get<Node>(NODES, this.#options.nodeName, signal));
  }

  whenNode(signal: AbortSignal): Promise<Node> {
    return this.#own.whenKnown(signal);
  }

  /** Addresses that the Node tells, the main one first; empty until then. */
  get internalIps(): readonly string[] {
    const addresses = this.node?.status?.addresses ?? [];
    return addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address);
  }

  /** Why a pod can't have a network of its own now; undefined: it can. Pods of the host's network don't care. */
  get networkProblem(): string | undefined {
    return this.#networkProblems()[0];
  }

  look(): void {
    this.#status.look();
  }

  runtimeChanged(): void {
    this.#runtime.look();
  }

  imagesChanged(): void {
    this.#machine.imagesChanged();
  }

  /** Rejects with `signal.reason`, or with a bug. */
  async run(signal: AbortSignal): Promise<never> {
    const failed = Promise.withResolvers<never>();
    const status = async () => {
      // The first status that is written then says how the runtime is, instead of that nobody asked.
      await within(FIRST_ANSWER, this.#deps.clock, { work: () => this.#runtime.asked, late: () => {}, signal });
      return this.#status.run(signal);
    };
    const loops = [
      this.#own.run(signal),
      this.#runtime.run(signal),
      status(),
      this.#lease.run(signal),
      this.#podCidr.run(signal),
      this.#csiNode.run(signal),
    ];
    for (const loop of loops) loop.catch(failed.reject);
    return failed.promise;
  }

  #podCidrUsed(): void {
    this.#runtimeSaid();
    this.runtimeChanged();
  }

  #runtimeSaid(): void {
    this.look();
    const hasNetwork = this.networkProblem === undefined;
    if (hasNetwork && !this.#hadNetwork) this.#deps.onNetworkReady?.();
    this.#hadNetwork = hasNetwork;
  }

  #onNode(node: Node | undefined, byOthers: boolean): void {
    if (node) {
      this.#podCidr.saw(node);
      this.#csiNode.saw(node);
      if (byOthers) this.look();
    } else this.#status.deleted();
    this.#deps.onNode?.(node);
  }

  async #compute(node: Node, signal: AbortSignal) {
    this.#readings ??= await this.#machine.read(signal);
    const readings = this.#readings;
    this.#events.saw(node, readings.machine.bootId);
    const facts: StatusFacts = {
      ...readings,
      now: timeText(this.#deps.clock.wall().getTime()),
      arch: this.#deps.arch,
      addresses: await this.#machine.addresses(node.status?.addresses ?? [], signal),
      providedNodeIp: this.#machine.providedNodeIp(),
      runtimeVersion: this.#runtime.version,
      runtime: this.#runtime.status,
      problems: this.#problems(),
      declaredFeatures: this.#deps.declaredFeatures,
    };
    return withStatus(node, facts, this.#options);
  }

  #problems(): readonly string[] {
    const storage = this.#csiNode.isDone(this.node?.metadata?.uid) ? [] : ["CSINode is not yet initialized"];
    const last = this.#deps.lastProblem?.();
    return [
      ...this.#runtime.runtimeProblems(),
      ...(this.#deps.moreProblems?.() ?? []),
      ...this.#networkProblems(),
      ...storage,
      ...(last === undefined ? [] : [last]),
    ];
  }

  #networkProblems(): readonly string[] {
    const { waitsForPodCidr } = this.#deps;
    if (!waitsForPodCidr || this.#podCidr.used !== "") return this.#runtime.networkProblems();
    return [
      `container runtime network not ready: waits for spec.podCIDR of Node ${this.#options.nodeName} (kube-controller-manager sets it with --allocate-node-cidrs)`,
    ];
  }
}
