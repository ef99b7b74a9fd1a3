import { join } from "node:path";
import type { Pod } from "../model/kubernetes.ts";
import { volumeDirectory } from "../model/names.ts";
import { uidOf } from "../model/pod.ts";
import { type AtomicWriterDeps, readPublished, writeVolume } from "./atomic-writer.ts";
import { type CollectDeps, type CollectPlace, configMapFiles, modeOf, projectedFiles, secretFiles } from "./collect.ts";
import { nestedMountPoints } from "./nested.ts";
import { giveToGroup } from "./ownership.ts";
import { downwardFiles, type Payload } from "./payload.ts";
import type { Volume, VolumePlugin, VolumePlugins } from "./plugin.ts";
import { makePodDirectory, type PodDirectoryDeps, type PodDirectoryOptions } from "./pod-directory.ts";

/** Bytes of a file that is read again. */
const MAX_PUBLISHED = 64 * 1024;

/** Kinds of volumes whose files this node writes, from what is said elsewhere. */
export type ContentKind = "configMap" | "secret" | "downwardAPI" | "projected";
export type ContentDeps = PodDirectoryDeps & AtomicWriterDeps & CollectDeps;

type Collect<K extends ContentKind> = (
  pod: Pod,
  volume: Volume<K>,
  deps: CollectDeps & CollectPlace,
  signal: AbortSignal,
) => Promise<Payload>;

interface Kind<K extends ContentKind> {
  /** Upstream's word in the path. */
  readonly directory: string;
  readonly medium: "disk" | "memory";
  readonly collect: Collect<K>;
}

const KINDS: { readonly [K in ContentKind]: Kind<K> } = {
  configMap: {
    directory: "configmap",
    medium: "disk",
    collect: (pod, { source }, deps, signal) => configMapFiles(pod, source, modeOf(source), deps, signal),
  },
  secret: {
    directory: "secret",
    medium: "memory",
    collect: (pod, { source }, deps, signal) =>
      secretFiles(pod, { ...source, name: source.secretName }, modeOf(source), deps, signal),
  },
  downwardAPI: {
    directory: "downward-api",
    medium: "memory",
    collect: async (pod, { source }, deps) => downwardFiles(source.items ?? [], pod, deps.downward(), modeOf(source)),
  },
  projected: {
    directory: "projected",
    medium: "memory",
    collect: (pod, { source }, deps, signal) => projectedFiles(pod, source, deps, signal),
  },
};

/** A plugin for each of them: nothing is made before all that it needs is there, then all files appear at once. */
export const contentPlugins = (options: PodDirectoryOptions, deps: ContentDeps): Pick<VolumePlugins, ContentKind> => ({
  configMap: contentPlugin("configMap", options, deps),
  secret: contentPlugin("secret", options, deps),
  downwardAPI: contentPlugin("downwardAPI", options, deps),
  projected: contentPlugin("projected", options, deps),
});

function contentPlugin<K extends ContentKind>(
  name: K,
  options: PodDirectoryOptions,
  deps: ContentDeps,
): VolumePlugin<K> {
  const { directory: kind, medium, collect }: Kind<K> = KINDS[name];

  async function write(pod: Pod, volume: Volume<K>, signal: AbortSignal): Promise<string> {
    const directory = volumeDirectory(options.rootDir, uidOf(pod), kind, volume.name);
    const published: CollectPlace["published"] = (path) => readPublished(directory, path, MAX_PUBLISHED, deps.files);
    const payload = await collect(pod, volume, { ...deps, published }, signal);
    const marker = `wrapped_${volume.name}`;
    const wanted = { kind, volume: volume.name, marker, medium, sizeLimit: undefined };
    const path = await makePodDirectory(pod, wanted, options, deps);
    for (const inner of nestedMountPoints(volume.name, pod)) await deps.files.makeDirectory(join(path, inner), 0o755);
    const fsGroup = pod.spec?.securityContext?.fsGroup;
    await writeVolume(
      path,
      payload,
      async () => {
        if (fsGroup !== undefined) await giveToGroup(path, { fsGroup, readonly: true }, deps);
      },
      deps,
    );
    return path;
  }

  return { setUp: write, refresh: async (pod, volume, signal) => void (await write(pod, volume, signal)) };
}
