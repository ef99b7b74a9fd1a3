import type { Pod, Service } from "../model/kubernetes.ts";
import type { ReferencedObject, ReferenceKind } from "../model/referenced.ts";

/** The ConfigMaps and Secrets that this node's pods name: from the API server, or from wherever a node without one has them. */
export interface ReferencedObjects {
  /**
   * The newest that is known of it; undefined when it is not there. Waits a moment for a first answer.
   * @throws KubeletError `waiting` where nothing can be told of it yet, with upstream's words
   */
  find<K extends ReferenceKind>(
    kind: K,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<ReferencedObject[K] | undefined>;
  /** Why `find` gave nothing, for the pod's owner. */
  whyMissing(kind: ReferenceKind, namespace: string, name: string): string;
}

export interface TokenOwner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What a pod's ServiceAccount token is to be good for. */
export interface TokenWish {
  readonly serviceAccount: string;
  /** undefined: the API server's own. */
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

/** Tokens of ServiceAccounts, each bound to one pod. */
export interface PodTokens {
  /**
   * A token that is good for now: kept as long as it is fresh. `found`: what the pod has at present, as an earlier kubelet may have left it; it is kept too, as
   * long as it is fresh. Never log it.
   * @throws KubeletError `waiting`
   */
  token(
    pod: TokenOwner,
    wish: TokenWish,
    signal: AbortSignal,
    found?: () => Promise<string | undefined>,
  ): Promise<string>;
  /** Nothing of this pod is needed any more. */
  forget(uid: string): void;
}

/** Everything that pods refer to beside their own spec. */
export interface PodReferences {
  readonly objects: ReferencedObjects;
  readonly tokens: PodTokens;
  /** All pods of this node, from now on: what they refer to is kept, what nobody refers to any more is dropped. */
  want(pods: readonly Pod[]): void;
  /** Services to tell a pod's containers of. @throws KubeletError `waiting` */
  services(pod: Pod, signal: AbortSignal): Promise<readonly Service[]>;
  /** What its RuntimeClass means for the runtime; "" for the default. @throws KubeletError `waiting` */
  runtimeHandler(pod: Pod, signal: AbortSignal): Promise<string>;
  /** Another number than before after each change of anything the pod refers to: what failed for want of it may work now. */
  revision(uid: string): number;
  /** `tell` is called after each change of a revision, and when a token of the pod is to be replaced. */
  onChange(tell: (uid: string) => void): void;
  /** Runs until the signal aborts; rejects with its reason, or with a bug. */
  run(signal: AbortSignal): Promise<never>;
  /** How much is kept, by what it is. */
  readonly sizes: Readonly<Record<string, number>>;
}
