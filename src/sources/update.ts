import type { Problem } from "../base/fault.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { PodUid } from "../model/pod.ts";

export type StaticSource = "file" | "http";
/** `api`: the API server's pods of this node. */
export type PodSource = StaticSource | "api";

/** Where a manifest comes from. */
export interface Origin {
  readonly source: StaticSource;
  /** Path of the file, or the URL. */
  readonly where: string;
  readonly nodeName: string;
  /** When the manifest was first seen. */
  readonly seen: Date;
}

/** Everything that one source wants on this node now, not a difference: the newest update is the only one that counts. */
export interface SourceUpdate {
  readonly source: PodSource;
  /** Stamped, defaulted and valid; UIDs are unique, and so are full names. A pod that did not change is the same object as before. */
  readonly pods: readonly Pod[];
  readonly rejected: readonly RejectedManifest[];
  readonly warnings: readonly ManifestWarning[];
  /**
   * False while a manifest (or an object of the API server) is rejected of which no good version is known. A pod that runs from before the start may be that
   * manifest's: such a pod (its sandbox says this source in `kubernetes.io/config.source`) should not be taken for a removed one.
   */
  readonly complete: boolean;
}

export interface RejectedManifest {
  /** Path of the file, or the URL; `namespace/name` of a pod of the API server. */
  readonly where: string;
  /** As in the manifest, without the node's suffix; absent where it could not be read so far. */
  readonly name?: string;
  readonly namespace?: string;
  readonly problems: readonly Problem[];
  /** The pod of the last good version keeps running. */
  readonly keptPrevious: boolean;
}

/** Something in an accepted manifest that has no effect, or not the effect that was meant. */
export interface ManifestWarning {
  readonly where: string;
  readonly uid: PodUid;
  readonly problems: readonly Problem[];
}
