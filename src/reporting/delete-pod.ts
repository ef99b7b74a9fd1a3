import { isConflict, isNotFound, isUnheardOf, onceAuthorized } from "../kube/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { nameOf, namespaceOf } from "../model/pod.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import { podsOf, type SeenPods } from "./target.ts";

export interface DeleteDeps {
  readonly api: Pick<KubeApi, "delete">;
  readonly clock: Clock;
  readonly seen: SeenPods;
}

/**
 * Has the API server delete this very pod for good. Resolves also when it is gone, or another has its name.
 * @throws KubeletError also for a pod that is still shown and of which the server's admission has not heard: to be asked for again
 */
export async function deletePod(pod: Pod, { api, clock, seen }: DeleteDeps, signal: AbortSignal): Promise<void> {
  const [namespace, name, uid] = [namespaceOf(pod), nameOf(pod), pod.metadata?.uid];
  const options = { gracePeriodSeconds: 0, uid };
  try {
    await onceAuthorized(() => api.delete(podsOf(namespace), name, options, signal), clock, signal);
  } catch (error) {
    if (isUnheardOf(error) && seen.get(namespace, name)?.metadata?.uid === uid) throw error;
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
