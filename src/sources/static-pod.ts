import type { Problem } from "../base/fault.ts";
import { apiReferences } from "../model/api-references.ts";
import { defaultPod } from "../model/defaults.ts";
import type { Pod, Toleration } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_HASH, ANNOTATION_CONFIG_SEEN, ANNOTATION_CONFIG_SOURCE } from "../model/names.ts";
import { isPodUid } from "../model/path-names.ts";
import { validatePod } from "../model/validate.ts";
import { staticUid, type Written } from "./static-uid.ts";
import type { Origin } from "./update.ts";

export type StaticPod =
  | { readonly kind: "pod"; readonly pod: Pod; readonly warnings: readonly Problem[] }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

const NO_EXECUTE: Toleration = { operator: "Exists", effect: "NoExecute" };
/** Priority of `system-node-critical`. */
const NODE_CRITICAL_PRIORITY = 2_000_001_000;

/**
 * The pod that this node runs for a decoded manifest: named after the node, defaulted, valid, and free of the API. A UID that is made
 * for it follows from what was written.
 */
export async function staticPod(decoded: Pod, written: Written, origin: Origin): Promise<StaticPod> {
  if (!decoded.metadata?.name)
    return { kind: "invalid", problems: [{ field: "metadata.name", message: "is required" }] };
  const given = decoded.metadata.uid;
  const { uid, warnings } = given ? { uid: given, warnings: [] } : await staticUid(decoded, written, origin);
  const pod = stamp(decoded, uid, origin);
  const problems = [...uidProblems(decoded), ...validatePod(pod), ...apiReferences(pod)];
  if (problems.length > 0) return { kind: "invalid", problems };
  return { kind: "pod", pod, warnings: [...warnings, ...priorityWarnings(pod)] };
}

function uidProblems({ metadata }: Pod): readonly Problem[] {
  if (!metadata?.uid || isPodUid(metadata.uid)) return [];
  return [
    { field: "metadata.uid", message: 'must be at most 128 letters, digits and "-": leave it out to have one made' },
  ];
}

function stamp(decoded: Pod, uid: string, origin: Origin): Pod {
  const metadata = decoded.metadata ?? {};
  const pod = defaultPod(decoded);
  return {
    ...pod,
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata,
      uid,
      name: `${metadata.name ?? ""}-${origin.nodeName.toLowerCase()}`,
      namespace: metadata.namespace || "default",
      annotations: {
        ...metadata.annotations,
        [ANNOTATION_CONFIG_HASH]: uid,
        [ANNOTATION_CONFIG_SOURCE]: origin.source,
        [ANNOTATION_CONFIG_SEEN]: origin.seen.toISOString(),
      },
    },
    spec: {
      ...pod.spec,
      containers: pod.spec?.containers ?? [],
      nodeName: origin.nodeName,
      // Pods of files outlive trouble of the node; upstream gives those of URLs no such promise.
      ...(origin.source === "file" && { tolerations: withToleration(pod.spec?.tolerations ?? [], NO_EXECUTE) }),
    },
    status: { phase: "Pending" },
  };
}

function withToleration(tolerations: readonly Toleration[], added: Toleration): readonly Toleration[] {
  const same = (given: Toleration) =>
    (given.key ?? "") === "" &&
    (given.value ?? "") === "" &&
    given.operator === added.operator &&
    given.effect === added.effect;
  return tolerations.some(same) ? tolerations.map((given) => (same(given) ? added : given)) : [...tolerations, added];
}

function priorityWarnings({ spec }: Pod): readonly Problem[] {
  const className = spec?.priorityClassName ?? "";
  const priority = spec?.priority;
  if (priority === undefined)
    return className === ""
      ? []
      : [
          {
            field: "spec.priorityClassName",
            message: "has no effect here without spec.priority, and a mirror pod may be refused",
          },
        ];
  if (className === "")
    return [{ field: "spec.priority", message: "is set without spec.priorityClassName: a mirror pod may be refused" }];
  if (priority === NODE_CRITICAL_PRIORITY && className === "system-node-critical") return [];
  return [
    {
      field: "spec.priority",
      message: `is not that of system-node-critical (${NODE_CRITICAL_PRIORITY}): the mirror pod may be evicted, to no effect`,
    },
  ];
}
