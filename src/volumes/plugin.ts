import type { HostPathType } from "../model/host-path.ts";
import type {
  ConfigMapVolumeSource,
  DownwardAPIVolumeSource,
  Pod,
  ProjectedVolumeSource,
  SecretVolumeSource,
} from "../model/kubernetes.ts";

/** What this node mounts, and what each kind needs to know. A new kind is a row here: nothing compiles until its plugin exists. */
export interface VolumeSources {
  readonly emptyDir: {
    readonly medium: "disk" | "memory";
    /** Bytes; undefined: no limit of its own. */
    readonly sizeLimit: number | undefined;
  };
  readonly hostPath: { readonly path: string; readonly type: HostPathType };
  readonly configMap: { readonly source: ConfigMapVolumeSource };
  readonly secret: { readonly source: SecretVolumeSource };
  readonly downwardAPI: { readonly source: DownwardAPIVolumeSource };
  readonly projected: { readonly source: ProjectedVolumeSource };
}

export type VolumeKind = keyof VolumeSources;
export type Volume<K extends VolumeKind = VolumeKind> = {
  [P in K]: { readonly kind: P; readonly name: string } & VolumeSources[P];
}[K];

/**
 * One kind of volume. setUp is idempotent and safe to repeat after a crash half-way. There is no verb to undo it: what lies below the
 * pod's directory is taken down by its path alone, because after a restart the spec may be gone.
 */
export interface VolumePlugin<K extends VolumeKind> {
  /** Returns the host path to bind into containers. */
  setUp(pod: Pod, volume: Volume<K>, signal: AbortSignal): Promise<string>;
  /** Brings what a standing volume shows up to date. Absent: nothing outside of it changes what it holds. */
  refresh?(pod: Pod, volume: Volume<K>, signal: AbortSignal): Promise<void>;
}
export type VolumePlugins = { readonly [K in VolumeKind]: VolumePlugin<K> };

/** One call site for all kinds; TypeScript keeps the kind of `volume` and of its plugin in step. */
export const pluginFor = <K extends VolumeKind>(plugins: VolumePlugins, volume: Volume<K>): VolumePlugin<K> =>
  plugins[volume.kind];
