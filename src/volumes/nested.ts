import { posix } from "node:path";
import type { Pod } from "../model/kubernetes.ts";
import { allContainersOf } from "../model/pod.ts";

/**
 * Directories that must be in a volume because another one is mounted over them in a container: the runtime can't make them in a volume
 * that is mounted read-only. Relative to the volume, the outermost only.
 */
export function nestedMountPoints(volume: string, pod: Pod): readonly string[] {
  const nested = new Set<string>();
  for (const { volumeMounts = [] } of allContainersOf(pod)) {
    const all = volumeMounts.map(({ mountPath }) => cleanPath(mountPath)).sort();
    for (const { name, mountPath } of volumeMounts) {
      if (name !== volume) continue;
      const own = `${cleanPath(mountPath)}/`;
      if (own.startsWith("../")) throw new Error(`invalid container mount point ${mountPath}`);
      const outer: string[] = [];
      for (const path of all) {
        if (!path.startsWith(own) || outer.some((before) => path.startsWith(before))) continue;
        outer.push(`${path}/`);
        nested.add(path.slice(own.length));
      }
    }
  }
  return [...nested];
}

const cleanPath = (path: string): string => posix.normalize(path).replace(/(?<=.)\/+$/, "");
