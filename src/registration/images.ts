import type { ContainerImage } from "../model/kubernetes.ts";
import type { ImageInfo } from "../model/runtime.ts";

const NAMES_PER_IMAGE = 5;

/** Images of the node's status, the largest first. `max` -1: all of them. Names are digests, then tags. */
export function statusImages(images: readonly ImageInfo[], max: number): readonly ContainerImage[] {
  const sorted = [...images].sort((a, b) => b.size - a.size || (a.id > b.id ? -1 : 1));
  return (max < 0 ? sorted : sorted.slice(0, max)).map(({ repoDigests, repoTags, size }) => ({
    names: [...repoDigests, ...repoTags].slice(0, NAMES_PER_IMAGE),
    ...(size > 0 ? { sizeBytes: size } : {}),
  }));
}
