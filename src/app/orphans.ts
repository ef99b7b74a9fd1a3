import { ANNOTATION_CONFIG_SOURCE, ANNOTATION_POD_DELETION_GRACE, ANNOTATION_POD_GRACE } from "../model/names.ts";
import { fullNameOf } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";

/** A label of the runtime's can hold any number: nothing waits longer than a day for a pod that nobody wants. */
const LONGEST_ORPHAN_GRACE = 86_400;

/** The source that the pod was made from: `file`, `http`, `api`; undefined where the runtime does not tell. */
export const sourceOfOrphan = (seen: PodSnapshot | undefined): string | undefined =>
  seen?.sandboxes[0]?.annotations[ANNOTATION_CONFIG_SOURCE];

/** Grace in milliseconds that a pod's containers carry from when their spec was known. */
export function graceOfOrphan(seen: PodSnapshot | undefined): number | undefined {
  const texts = (seen?.containers ?? []).map(
    ({ annotations }) => annotations[ANNOTATION_POD_DELETION_GRACE] ?? annotations[ANNOTATION_POD_GRACE],
  );
  const graces = texts.map((text) => Number(text || Number.NaN)).filter((grace) => grace >= 0);
  return graces.length > 0 ? Math.min(Math.max(...graces), LONGEST_ORPHAN_GRACE) * 1000 : undefined;
}

/** Full name of a pod that was static: its next version has the same. Those of the API server may stand beside each other. */
export function nameOfOrphan(seen: PodSnapshot | undefined): string | undefined {
  if (!seen || sourceOfOrphan(seen) === "api") return undefined;
  return fullNameOf({ metadata: { name: seen.name, namespace: seen.namespace } });
}
