import { KubeletError, messageOf } from "../base/fault.ts";
import { type Log, silentLog } from "../base/log.ts";
import { Semaphore } from "../base/semaphore.ts";
import { sideBySide } from "../base/side-by-side.ts";
import type { Pod, Volume as VolumeSpec } from "../model/kubernetes.ts";
import { podDirectory, podPluginsDirectory, podSubPathsDirectory, podVolumesDirectory } from "../model/names.ts";
import { uidOf, volumesOf } from "../model/pod.ts";
import type { AtomicWriterDeps } from "./atomic-writer.ts";
import type { CollectDeps } from "./collect.ts";
import { contentPlugins } from "./content.ts";
import { decodeVolume } from "./decode.ts";
import { emptyDir } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { pluginFor, type Volume, type VolumePlugins } from "./plugin.ts";
import type { PodDirectoryDeps, PodDirectoryOptions } from "./pod-directory.ts";

export type VolumesOptions = PodDirectoryOptions;
export type VolumesDeps = Omit<PodDirectoryDeps, "log"> & AtomicWriterDeps & CollectDeps & { readonly log?: Log };

export interface Volumes {
  /**
   * All volumes of the pod: name -> path on the node. Those that stand already are brought up to date, or left as they are.
   * @throws KubeletError `volume-not-mounted` for the first that fails
   */
  setUp(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * Brings up to date what the pod's volumes show of other objects and of the pod itself. Does nothing for a pod whose volumes were not
   * set up by this process, or were taken down: nobody uses them.
   * @throws KubeletError `volume-not-mounted` as setUp
   */
  refresh(pod: Pod, signal: AbortSignal): Promise<void>;
  /** Unmounts and removes all volumes of a pod by its UID alone; what hostPath volumes named stays. Nothing may use them any more. */
  tearDown(uid: string, signal: AbortSignal): Promise<void>;
}

/** Volumes of one pod: one of setUp, refresh and tearDown at a time. */
interface Place {
  readonly turn: Semaphore;
  stands: boolean;
  /** Ends a refresh that waits for somebody, so that its pod can go. */
  refreshing: AbortController | undefined;
}

export function createVolumes(options: VolumesOptions, { log = silentLog, ...doors }: VolumesDeps): Volumes {
  const { rootDir } = options;
  const { files, mounts, tokens } = doors;
  const deps = { ...doors, log };
  const plugins: VolumePlugins = {
    emptyDir: emptyDir(options, deps),
    hostPath: hostPath({ files }),
    ...contentPlugins(options, deps),
  };
  const places = new Map<string, Place>();

  function placeOf(uid: string): Place {
    const place = places.get(uid) ?? { turn: new Semaphore(1), stands: false, refreshing: undefined };
    places.set(uid, place);
    return place;
  }

  async function setUpOne(pod: Pod, spec: VolumeSpec, signal: AbortSignal): Promise<[name: string, path: string]> {
    signal.throwIfAborted();
    const volume = decodeVolume(spec);
    if (!("kind" in volume)) throw notMounted(spec.name, new Error(volume.message));
    const path = await mounting(volume, () => pluginFor(plugins, volume).setUp(pod, volume, signal), signal);
    return [volume.name, path];
  }

  async function refreshOne(pod: Pod, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
    const volume = decodeVolume(spec);
    if (!("kind" in volume)) return;
    await mounting(volume, async () => pluginFor(plugins, volume).refresh?.(pod, volume, signal), signal);
  }

  return {
    async setUp(pod, signal) {
      const place = placeOf(uidOf(pod));
      using _turn = await place.turn.take(signal);
      const paths = await sideBySide(volumesOf(pod).map((spec) => setUpOne(pod, spec, signal)));
      place.stands = true;
      return new Map(paths);
    },
    async refresh(pod, signal) {
      const place = places.get(uidOf(pod));
      if (!place) return;
      using _turn = await place.turn.take(signal);
      if (!place.stands) return;
      const life = new AbortController();
      place.refreshing = life;
      try {
        const either = AbortSignal.any([signal, life.signal]);
        await sideBySide(volumesOf(pod).map((spec) => refreshOne(pod, spec, either)));
      } catch (error) {
        signal.throwIfAborted();
        if (!life.signal.aborted) throw error;
      } finally {
        place.refreshing = undefined;
      }
    },
    async tearDown(uid, signal) {
      const place = placeOf(uid);
      place.stands = false;
      place.refreshing?.abort(new Error("the pod goes"));
      using _turn = await place.turn.take(signal);
      tokens.forget(uid);
      for (const { target } of await mounts.list(podDirectory(rootDir, uid))) {
        signal.throwIfAborted();
        await mounts.unmount(target, false);
      }
      // The sub-paths first: binds that are gone leave empty directories, and files where a file was bound.
      for (const directory of [podSubPathsDirectory, podVolumesDirectory, podPluginsDirectory]) {
        signal.throwIfAborted();
        await files.removeTree(directory(rootDir, uid));
      }
      places.delete(uid);
    },
  };
}

async function mounting<T>({ name }: Volume, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw notMounted(name, error);
  }
}

const notMounted = (volume: string, error: unknown): KubeletError =>
  new KubeletError(
    `MountVolume.SetUp failed for volume "${volume}" : ${messageOf(error)}`,
    { code: "volume-not-mounted", volume },
    { cause: error },
  );
