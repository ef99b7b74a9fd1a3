import { Bell } from "../base/bell.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import { isNotFound, Pace } from "../kube/index.ts";
import type { CSINode, Node } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { CSI_NODES } from "./collections.ts";

export interface CsiNodeDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onDone: () => void;
}

const MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins";
/** In-tree volumes that CSI drivers took over: the controllers leave them to a node that says so. */
const MIGRATED_PLUGINS = [
  "aws-ebs",
  "azure-disk",
  "azure-file",
  "cinder",
  "gce-pd",
  "portworx-volume",
  "vsphere-volume",
]
  .map((name) => `kubernetes.io/${name}`)
  .join(",");
const CURVE = { first: millis(30), longest: seconds(7) };

/** The node's CSINode without drivers: it owns none until drivers register. */
export const emptyCsiNode = (nodeName: string, nodeUid: string): CSINode & { metadata: object } => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "CSINode",
  metadata: {
    name: nodeName,
    annotations: { [MIGRATED]: MIGRATED_PLUGINS },
    ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid: nodeUid }],
  },
  spec: { drivers: [] },
});

/** Sees to it that our Node has its CSINode; one that belongs to an earlier Node of the name is replaced. */
export class CsiNodeKeeper {
  readonly #nodeName: string;
  readonly #deps: CsiNodeDeps;
  readonly #bell = new Bell();
  /** UIDs of the Node: what there is, and whose CSINode is there. */
  #wanted = "";
  #done = "";

  constructor(nodeName: string, deps: CsiNodeDeps) {
    this.#nodeName = nodeName;
    this.#deps = deps;
  }

  /** Whether the Node with this UID has its CSINode. */
  isDone(nodeUid: string | undefined): boolean {
    return nodeUid !== undefined && this.#done === nodeUid;
  }

  saw({ metadata }: Node): void {
    const uid = metadata?.uid ?? "";
    if (uid === "" || uid === this.#wanted) return;
    this.#wanted = uid;
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<never> {
    const { api, clock, log, onDone } = this.#deps;
    let told = "";
    for (const pace = new Pace(this.#deps, CURVE); ; ) {
      if (this.#done === this.#wanted) await this.#bell.wait(signal);
      const uid = this.#wanted;
      try {
        await ensure(this.#nodeName, uid, api, signal);
        this.#done = uid;
        onDone();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof KubeletError)) throw error;
        const err = messageOf(error);
        if (err !== told) log.warn("Cannot set up the CSINode, the node is not ready before", { err });
        told = err;
        await clock.sleep(pace.next(error), signal);
      }
    }
  }
}

async function ensure(nodeName: string, nodeUid: string, api: KubeApi, signal: AbortSignal): Promise<void> {
  const existing = await find(nodeName, api, signal);
  const owners = existing?.metadata?.ownerReferences ?? [];
  const isOurs = owners.some(({ kind, name, uid }) => kind === "Node" && name === nodeName && uid === nodeUid);
  if (existing && !isOurs) {
    const uid = existing.metadata?.uid;
    await api.delete(CSI_NODES, nodeName, uid === undefined ? {} : { uid }, signal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
  if (!existing || !isOurs) {
    await api.create(CSI_NODES, emptyCsiNode(nodeName, nodeUid), signal);
    return;
  }
  if (existing.metadata?.annotations?.[MIGRATED] === MIGRATED_PLUGINS) return;
  const annotations = { ...existing.metadata?.annotations, [MIGRATED]: MIGRATED_PLUGINS };
  await api.replace(CSI_NODES, nodeName, { ...existing, metadata: { ...existing.metadata, annotations } }, signal);
}

async function find(nodeName: string, api: KubeApi, signal: AbortSignal): Promise<CSINode | undefined> {
  try {
    return await api.get<CSINode>(CSI_NODES, nodeName, signal);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
