import type { Pod } from "../model/kubernetes.ts";
import { fullNameOf, nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import type { Manifest } from "./manifest.ts";
import type { ManifestWarning, RejectedManifest, SourceUpdate } from "./update.ts";

type Good = Extract<Manifest, { kind: "pods" }>;

/**
 * What a scan found, in name order, files that are gone last. A file that is still being written is `unsettled`: what was known of it
 * holds on. One that was there a moment ago is `gone`: so does its pod, unless another file names it.
 */
export interface ScannedFile {
  readonly path: string;
  readonly found: Manifest | { readonly kind: "unsettled" } | { readonly kind: "gone" };
}

/** The last good version of each file that is there. */
export type LastGood = ReadonlyMap<string, Good>;

/**
 * What the folder asks for, and what to remember of it. Unlike upstream, a file that cannot be read any more keeps its pod until it
 * is mended or gone, and of two files with one pod the first in name order has it and the other is reported.
 */
export function mergeScan(
  before: LastGood,
  scan: readonly ScannedFile[],
): { readonly lastGood: LastGood; readonly update: SourceUpdate } {
  const lastGood = new Map<string, Good>();
  const pods: Pod[] = [];
  const warnings: ManifestWarning[] = [];
  const rejected: RejectedManifest[] = [];
  const owners = new Map<string, string>();
  const ownerOf = (pod: Pod) => owners.get(fullNameOf(pod)) ?? owners.get(uidOf(pod));
  let complete = true;
  for (const { path, found } of scan) {
    const good = found.kind === "pods" ? found : before.get(path);
    if (found.kind === "gone" && good?.pods.some((pod) => ownerOf(pod) !== undefined)) continue;
    if (good) lastGood.set(path, good);
    if (found.kind === "invalid") {
      const { kind: _, ...rest } = found;
      rejected.push({ where: path, ...rest, keptPrevious: good !== undefined });
    }
    if (!good) {
      complete = false;
      continue;
    }
    for (const pod of good.pods) {
      const clash = ownerOf(pod);
      if (clash !== undefined) rejected.push(duplicate(path, pod, clash));
      else {
        pods.push(pod);
        warnings.push(...good.warnings.filter(({ uid }) => uid === uidOf(pod)));
        owners.set(fullNameOf(pod), path).set(uidOf(pod), path);
      }
    }
  }
  return { lastGood, update: { source: "file", pods, rejected, warnings, complete } };
}

function duplicate(path: string, pod: Pod, owner: string): RejectedManifest {
  const message = `names pod ${namespaceOf(pod)}/${nameOf(pod)} or its UID, which ${owner} has already: rename one, or remove a file`;
  return {
    where: path,
    name: nameOf(pod),
    namespace: namespaceOf(pod),
    problems: [{ field: "metadata.name", message }],
    keptPrevious: false,
  };
}
