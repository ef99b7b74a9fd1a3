import type { VolumePlugin } from "./plugin.ts";
import { makePodDirectory, type PodDirectoryDeps, type PodDirectoryOptions } from "./pod-directory.ts";

/** A directory of the pod's life that containers write to. */
export function emptyDir(options: PodDirectoryOptions, deps: PodDirectoryDeps): VolumePlugin<"emptyDir"> {
  return {
    setUp: (pod, { name, medium, sizeLimit }) =>
      makePodDirectory(pod, { kind: "empty-dir", volume: name, marker: name, medium, sizeLimit }, options, deps),
  };
}
