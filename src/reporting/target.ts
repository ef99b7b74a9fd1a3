import { decodePod } from "../model/decode.ts";
import type { Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_HASH, ANNOTATION_CONFIG_MIRROR } from "../model/names.ts";
import { annotationOf, isMirror, isStatic, nameOf, namespaceOf } from "../model/pod.ts";
import type { Collection, KubeObject } from "../ports/kube-api.ts";

/** The API server's pods of this node, as they were last seen. */
export interface SeenPods {
  get(namespace: string, name: string): Pod | undefined;
  readonly mirrors: readonly Pod[];
  readonly hasSynced: boolean;
}

export const podsOf = (namespace: string): Collection => ({ group: "", version: "v1", resource: "pods", namespace });

/** Whether the API's pod is the face of this version of the static pod. */
export const isMirrorOf = (mirror: Pod, pod: Pod): boolean =>
  annotationOf(mirror, ANNOTATION_CONFIG_MIRROR) === annotationOf(pod, ANNOTATION_CONFIG_HASH);

/** The object in the API that shows this pod; undefined: there is none, or it is another pod of the same name. */
export function targetOf(pod: Pod, seen: SeenPods): Pod | undefined {
  const found = seen.get(namespaceOf(pod), nameOf(pod));
  if (!found) return undefined;
  const isIt = isStatic(pod)
    ? isMirror(found) && isMirrorOf(found, pod)
    : !isMirror(found) && found.metadata?.uid === pod.metadata?.uid;
  return isIt ? found : undefined;
}

/** A pod as the API server answers with it; undefined where it can't be read. */
export function answeredPod(answer: KubeObject): Pod | undefined {
  const { managedFields: _, ...metadata } = answer.metadata ?? {};
  const decoded = decodePod({ ...answer, metadata, apiVersion: "v1", kind: "Pod" });
  return decoded.kind === "decoded" ? decoded.value : undefined;
}
