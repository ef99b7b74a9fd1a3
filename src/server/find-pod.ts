import type { Pod } from "../model/kubernetes.ts";
import type { NodeView } from "../node/index.ts";

/** The pod of that name. One that was deleted by force may still be stopping beside the next of its name, which comes later and is the one that is meant. */
export const findPod = (view: Pick<NodeView, "pods">, namespace: string, name: string): Pod | undefined =>
  view.pods().findLast(({ metadata }) => metadata?.namespace === namespace && metadata.name === name);
