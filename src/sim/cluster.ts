import type { Node, Pod, PodStatus, Volume } from "../model/kubernetes.ts";
import { hasEndedPhase, isMirror, nameOf } from "../model/pod.ts";
import { mayRestart } from "../model/restart.ts";
import type { Collection, KubeObject } from "../ports/kube-api.ts";
import type { Chance } from "./chance.ts";
import { SimKubeApi } from "./kube-api.ts";
import { ApiFaults } from "./kube-api-faults.ts";
import { SimApiServer } from "./kube-api-server.ts";
import type { Change } from "./kube-api-watch.ts";
import type { World } from "./world.ts";

export const SIM_NODE = "sim";
const SCHEDULED = { type: "PodScheduled", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" };
export const PODS: Collection = { group: "", version: "v1", resource: "pods", namespace: "default" };

const CA = "kube-root-ca.crt";
const CONFIG_MAPS: Collection = { ...PODS, resource: "configmaps" };
/** What admission gives to every pod of a cluster: a token, and the CA to trust. */
const API_ACCESS: Volume = {
  name: "kube-api-access",
  projected: {
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
      { configMap: { name: CA } },
      { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
    ],
  },
};

/**
 * The rest of the cluster: an API server that outlives every kubelet, and what no change in it may show.
 * I11: what was told of a pod is never taken back. An end is told, and a pod let go, only when nothing of it runs.
 */
export class SimCluster {
  readonly server: CountingServer;
  readonly faults: ApiFaults;
  readonly node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: SIM_NODE, uid: "node-uid" } };
  readonly #world: World;
  readonly #chance: Chance;
  /** UID -> when somebody last wrote into its status. A kubelet that starts after that takes the message for its own. */
  readonly touchedAt = new Map<string, number>();
  /** Somebody else writes right now. */
  #foreign = false;
  #authorities = 0;

  constructor(world: World, chance: Chance) {
    this.#world = world;
    this.server = new CountingServer({ wall: () => new Date(world.time.wall()) });
    this.faults = new ApiFaults(chance);
    this.#chance = chance;
    this.beQuick();
    this.server.create({ ...PODS, resource: "serviceaccounts" }, { metadata: { name: "default" } });
    this.#changeAuthority();
    this.server.onChange = (change) => {
      if (change.collection === "/pods") this.#judge(change);
    };
  }

  /** Nothing goes wrong from now on. */
  calm(): void {
    this.faults.stop();
    this.server.cacheLag = 0;
    this.beQuick();
  }

  /** Answers come as fast as they do from a server that is well. */
  beQuick(): void {
    this.faults.latency = () => this.#chance.between(0, 20);
  }

  /** The way of one kubelet process to the API server. */
  door(life: AbortSignal): SimKubeApi {
    return new SimKubeApi(this.#world.time.clock(life), this.server, this.faults);
  }

  /** The scheduler binds a pod to this node, or somebody changes its spec. */
  bind(pod: Pod): void {
    this.#changeAuthority();
    const old = this.find(nameOf(pod));
    const generation = (old?.metadata?.generation ?? 0) + 1;
    this.act((server) =>
      server.put(PODS, {
        ...old,
        ...pod,
        metadata: { ...old?.metadata, ...pod.metadata, generation },
        spec: {
          ...pod.spec,
          nodeName: SIM_NODE,
          serviceAccountName: "default",
          volumes: [...(pod.spec?.volumes ?? []), API_ACCESS],
        },
        status: old?.status ?? { phase: "Pending", qosClass: "BestEffort", conditions: [SCHEDULED] },
      } as KubeObject),
    );
  }

  /** What all pods' files should show. */
  get authority(): string {
    return `authority ${this.#authorities}`;
  }

  #changeAuthority(): void {
    this.#authorities++;
    const object = { metadata: { name: CA }, data: { "ca.crt": this.authority } };
    this.server.put(CONFIG_MAPS, object as KubeObject);
  }

  delete(pod: Pod, gracePeriodSeconds: number | undefined): void {
    const old = this.find(nameOf(pod));
    if (old?.metadata?.uid === pod.metadata?.uid)
      this.act((server) => server.delete(PODS, nameOf(pod), { gracePeriodSeconds }));
  }

  find(name: string): Pod | undefined {
    return this.server.find<Pod>(PODS, name);
  }

  all(): readonly Pod[] {
    return this.server.list<Pod>(PODS).items;
  }

  /** Somebody writes into a pod's status. */
  touch(pod: Pod, status: PodStatus): void {
    this.touchedAt.set(pod.metadata?.uid ?? "", this.#world.time.now());
    this.act((server) => server.patch(PODS, nameOf(pod), "strategic", { status }, "status"));
  }

  /** Something that another component of the cluster does. */
  act(act: (server: SimApiServer) => void): void {
    this.#foreign = true;
    try {
      act(this.server);
    } finally {
      this.#foreign = false;
    }
  }

  #judge({ before, object, last }: Change): void {
    const [old, now] = [before as Pod | undefined, object as Pod | undefined];
    if (isMirror(last as Pod)) return;
    if (now && old) this.#judgeStatus(now, old);
    if (old && !now && !this.#foreign) this.#judgeEnd(old);
  }

  #judgeStatus(now: Pod, old: Pod): void {
    if (this.#foreign) return;
    const [before, after] = [old.status ?? {}, now.status ?? {}];
    const uid = now.metadata?.uid ?? "";
    const broken = (text: string) => this.#world.violate(`I11 pod ${uid} in the API server: ${text}`);
    if (hasEndedPhase(old) && after.phase !== before.phase) broken(`${before.phase} became ${after.phase}`);
    if ((after.observedGeneration ?? 0) < (before.observedGeneration ?? 0)) broken("observedGeneration went back");
    const lost = new Set(
      [...this.#world.containersOf(uid)]
        .filter((one) => one.wasForgotten || (one.stopAsked && this.#world.isSick(one)))
        .map(({ config }) => config.name),
    );
    for (const text of takenBack(now, before, after, lost)) broken(text);
    if (hasEndedPhase(now) && !hasEndedPhase(old)) {
      for (const { state, config, startTold } of this.#world.containersOf(uid)) {
        // Nobody knows of one whose start took effect late.
        if (state === "running" && startTold) broken(`${after.phase} while container ${config.name} runs`);
      }
      const ready = after.conditions?.find(({ type }) => type === "Ready");
      if (ready?.status === "True") broken(`${after.phase} and ready`);
    }
  }

  #judgeEnd(pod: Pod): void {
    const uid = pod.metadata?.uid ?? "";
    const broken = (text: string) => this.#world.violate(`pod ${uid} was deleted for good ${text}`);
    if (pod.metadata?.deletionTimestamp === undefined) broken("though nobody asked for it");
    if (!hasEndedPhase(pod)) broken(`in phase ${pod.status?.phase}`);
    for (const { state, config, startTold } of this.#world.containersOf(uid)) {
      if (state === "running" && startTold) broken(`while container ${config.name} runs`);
    }
    for (const { name, state } of pod.status?.containerStatuses ?? []) {
      if (state?.running) broken(`with container ${name} told to be running`);
    }
  }
}

class CountingServer extends SimApiServer {
  /** Patches that changed nothing. */
  idlePatches = 0;

  override patch<T extends KubeObject>(...args: Parameters<SimApiServer["patch"]>): T {
    const before = this.resourceVersion;
    const answer = super.patch<T>(...args);
    if (this.resourceVersion === before) this.idlePatches++;
    return answer;
  }
}

/** What the newer status says less of containers than the older did. `lost`: names of those that a crashed runtime lost, or that failed a probe. */
function takenBack(pod: Pod, before: PodStatus, after: PodStatus, lost: ReadonlySet<string>): readonly string[] {
  return (before.containerStatuses ?? []).flatMap((old) => {
    const now = after.containerStatuses?.find(({ name }) => name === old.name);
    if (!now) return [`the status of container ${old.name} is gone`];
    if (now.restartCount < old.restartCount)
      return [`restartCount of ${old.name} went from ${old.restartCount} to ${now.restartCount}`];
    const spec = pod.spec?.containers.find(({ name }) => name === old.name);
    const end = old.state?.terminated;
    // What a runtime lost, or failed a probe, is stopped, and made anew whatever its exit code says.
    if (!end || lost.has(old.name) || now.state?.terminated || !spec || mayRestart(pod, spec, end.exitCode)) return [];
    return [`container ${old.name} came back from its end in ${nameOf(pod)}`];
  });
}
