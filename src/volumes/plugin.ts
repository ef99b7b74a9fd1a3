import type { HostPathType } from "../model/host-path.ts";
import type { Pod } from "../model/kubernetes.ts";

/** What this node mounts, and what each kind needs to know. A new kind is a row here: nothing compiles until its plugin exists. */
export interface VolumeSources {
  readonly emptyDir: {
    readonly medium: "disk" | "memory";
    /** Bytes; undefined: no limit of its own. */
    readonly sizeLimit: number | undefined;
  };
  readonly hostPath: { readonly path: string; readonly type: HostPathType };
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
}
export type VolumePlugins = { readonly [K in VolumeKind]: VolumePlugin<K> };

/** One call site for all kinds; TypeScript keeps the kind of `volume` and of its plugin in step. */
export const pluginFor = <K extends VolumeKind>(plugins: VolumePlugins, volume: Volume<K>): VolumePlugin<K> =>
  plugins[volume.kind];
