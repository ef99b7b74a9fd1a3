import { KubeletError, messageOf } from "../base/fault.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Pod, Volume as VolumeSpec } from "../model/kubernetes.ts";
import { podDirectory, podPluginsDirectory, podSubPathsDirectory, podVolumesDirectory } from "../model/names.ts";
import { volumesOf } from "../model/pod.ts";
import type { Files } from "../ports/files.ts";
import type { Mounts } from "../ports/mounts.ts";
import { decodeVolume } from "./decode.ts";
import { type EmptyDirOptions, emptyDir } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { pluginFor, type VolumePlugins } from "./plugin.ts";

export type VolumesOptions = EmptyDirOptions;
export interface VolumesDeps {
  readonly files: Files;
  readonly mounts: Mounts;
  readonly log?: Log;
}

export interface Volumes {
  /**
   * All volumes of the pod: name -> path on the node. Those that stand already are left as they are.
   * @throws KubeletError `volume-not-mounted` for the first that fails
   */
  setUp(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Unmounts and removes all volumes of a pod by its UID alone; what hostPath volumes named stays. Nothing may use them any more. */
  tearDown(uid: string, signal: AbortSignal): Promise<void>;
}

export function createVolumes(options: VolumesOptions, { files, mounts, log = silentLog }: VolumesDeps): Volumes {
  const { rootDir } = options;
  const plugins: VolumePlugins = { emptyDir: emptyDir(options, { files, mounts, log }), hostPath: hostPath({ files }) };

  async function setUpOne(pod: Pod, spec: VolumeSpec, signal: AbortSignal): Promise<[name: string, path: string]> {
    signal.throwIfAborted();
    const volume = decodeVolume(spec);
    if (!("kind" in volume)) throw notMounted(spec.name, new Error(volume.message));
    try {
      return [volume.name, await pluginFor(plugins, volume).setUp(pod, volume, signal)];
    } catch (error) {
      signal.throwIfAborted();
      throw notMounted(volume.name, error);
    }
  }

  return {
    async setUp(pod, signal) {
      return new Map(await Promise.all(volumesOf(pod).map((spec) => setUpOne(pod, spec, signal))));
    },
    async tearDown(uid, signal) {
      for (const { target } of await mounts.list(podDirectory(rootDir, uid))) {
        signal.throwIfAborted();
        await mounts.unmount(target, false);
      }
      // The sub-paths first: binds that are gone leave empty directories, and files where a file was bound.
      for (const directory of [podSubPathsDirectory, podVolumesDirectory, podPluginsDirectory]) {
        signal.throwIfAborted();
        await files.removeTree(directory(rootDir, uid));
      }
    },
  };
}

const notMounted = (volume: string, error: unknown): KubeletError =>
  new KubeletError(
    `MountVolume.SetUp failed for volume "${volume}" : ${messageOf(error)}`,
    { code: "volume-not-mounted", volume },
    { cause: error },
  );
