/** A kubelet under measurement as the node of a cluster: its pods are made, watched and deleted at the API server. */
import type { ApiClient } from "../../scripts/lib/cluster/api-client.ts";
import * as methods from "../../src/adapters/cri/methods.ts";
import type { Node, Pod } from "../../src/model/kubernetes.ts";
import type { ClusterNode } from "../../test/support/cluster-node.ts";
import { IMAGE, isReady } from "../../test/support/kubelet.ts";
import type { BareClient } from "../bare-client.ts";
import { CriClient } from "../cri-client.ts";
import { COMMAND } from "../lane.ts";
import type { Options } from "../options.ts";
import type { Who } from "../result.ts";
import { RuntimeWatch } from "../runtime-watch.ts";
import { type ApiWatch, nameOf, type Seen } from "./api-watch.ts";
import type { RequestLog } from "./request-log.ts";

export interface ClusterContenders {
  readonly options: Options;
  /** Ours first. */
  readonly all: readonly Contender[];
  /** In no cluster: what the runtime's part of a row takes. Only there for rows that show it. */
  readonly bare: BareClient | undefined;
  readonly requests: RequestLog;
}

/** The one API server that all contenders share, and what it shows. */
export interface Shared {
  readonly api: ApiClient;
  readonly pods: ApiWatch<Pod>;
  readonly nodes: ApiWatch<Node>;
}

export const PODS = "/api/v1/namespaces/default/pods";
/** Pods of the rows that have many of them. */
export const MANY = 61;
const MANY_MS = 240_000;

type Spec = NonNullable<Pod["spec"]>;

export class Contender {
  readonly who: Who;
  readonly node: ClusterNode;
  readonly api: ApiClient;
  readonly pods: ApiWatch<Pod>;
  readonly nodes: ApiWatch<Node>;
  readonly runtime: RuntimeWatch;
  readonly #client: CriClient;
  #made = 0;

  constructor(who: Who, node: ClusterNode, shared: Shared) {
    this.who = who;
    this.node = node;
    this.api = shared.api;
    this.pods = shared.pods;
    this.nodes = shared.nodes;
    this.#client = new CriClient(node.endpoint);
    this.runtime = new RuntimeWatch(this.#client, "pause");
  }

  get pid(): number {
    const { pid } = this.node.kubelet;
    if (pid === undefined) throw new Error(`the ${this.who} kubelet does not run`);
    return pid;
  }

  /** Its pods that the API server has. */
  get own(): readonly Pod[] {
    return [...this.pods.objects.values()].filter(({ spec }) => spec?.nodeName === this.node.name);
  }

  /** A pod that is bound to this node from the start, so that no scheduler's work is measured. */
  pod(spec: Partial<Spec> = {}, container: Partial<Spec["containers"][number]> = {}): Pod {
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `${this.who}-${this.#made++}`, labels: { contender: this.who } },
      spec: {
        nodeName: this.node.name,
        terminationGracePeriodSeconds: 5,
        containers: [{ name: "main", image: IMAGE, command: [...COMMAND], ...container }],
        ...spec,
      },
    };
  }

  /** Makes pods at once and waits until all are ready: when the first one was bound and when the last one was ready. */
  async run(pods: readonly Pod[]): Promise<{ readonly bound: number; readonly ready: number }> {
    const names = pods.map(nameOf);
    const what = `${pods.length} pods of ${this.who}`;
    const bound = this.pods.next(`${what} to be bound`, ({ object }) => names.includes(nameOf(object)));
    const ready = this.pods.each(`${what} to be ready`, names, isRunning, MANY_MS);
    await Promise.all(pods.map((pod) => this.api.create(PODS, pod)));
    const [first, all] = await this.#explained(Promise.all([bound, ready]));
    return { bound: first.at, ready: Math.max(...all.map(({ at }) => at)) };
  }

  /** Adds pods until there are enough. */
  async fill(count: number): Promise<void> {
    const missing = count - this.own.length;
    if (missing > 0) await this.run(Array.from({ length: missing }, () => this.pod()));
  }

  /** Deletes all its pods: milliseconds from when the first was seen to be deleted until none is there. */
  async clear(): Promise<number> {
    const names = this.own.map(nameOf);
    if (names.length === 0) return 0;
    const what = `${names.length} pods of ${this.who}`;
    const began = this.pods.next(
      `${what} to be deleted`,
      ({ object }) => names.includes(nameOf(object)) && isDeleted(object),
    );
    const gone = this.pods.each(`${what} to be gone`, names, ({ type }) => type === "DELETED", MANY_MS);
    await this.api.delete(`${PODS}?labelSelector=${encodeURIComponent(`contender=${this.who}`)}`);
    const [first, all] = await this.#explained(Promise.all([began, gone]));
    return Math.max(...all.map(({ at }) => at)) - first.at;
  }

  /** Ids of the containers that run now, as the runtime tells. */
  async runningIds(): Promise<ReadonlySet<string>> {
    const { containers } = await this.#client.call(methods.listContainers, { filter: { state: { state: 1 } } });
    return new Set((containers ?? []).map(({ id }) => id ?? ""));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #explained<T>(waiting: Promise<T>): Promise<T> {
    try {
      return await waiting;
    } catch (error) {
      const log = this.node.log().slice(-3000);
      throw new Error(`${error instanceof Error ? error.message : error}\nend of its log:\n${log}`, { cause: error });
    }
  }
}

export const isRunning = ({ object }: Pick<Seen<Pod>, "object">): boolean =>
  object.status?.phase === "Running" && isReady(object);

const isDeleted = ({ metadata }: Pod): boolean => metadata?.deletionTimestamp !== undefined;

/** Samples of each contender, collected row by row. */
export class Samples {
  readonly by: Partial<Record<Who, number[]>> = {};

  add({ who }: { readonly who: Who }, ...values: readonly number[]): void {
    this.by[who] = [...(this.by[who] ?? []), ...values];
  }

  of(who: Who): readonly number[] {
    return this.by[who] ?? [];
  }
}
