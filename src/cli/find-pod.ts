import { hint } from "../config/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { VerbError } from "./io.ts";

export interface PodWish {
  readonly name: string;
  /** undefined: any. */
  readonly namespace: string | undefined;
  readonly nodeName: string;
}

/**
 * The one pod that is meant; a static pod also by its name without the node's. Of two with one name the earlier is still being stopped: the later
 * is meant. @throws VerbError: none, or one in each of several namespaces
 */
export function findPod(pods: readonly Pod[], { name, namespace, nodeName }: PodWish): Pod {
  const here = pods.filter(({ metadata }) => namespace === undefined || metadata?.namespace === namespace);
  const named = (wanted: string) => here.filter(({ metadata }) => metadata?.name === wanted);
  const exact = named(name);
  const found = exact.length > 0 ? exact : named(`${name}-${nodeName}`);
  const places = new Set(found.map(({ metadata }) => metadata?.namespace));
  const last = found.at(-1);
  if (last !== undefined && places.size === 1) return last;
  if (last === undefined) {
    const names = here.map(({ metadata }) => metadata?.name ?? "");
    const suffix = `-${nodeName}`;
    const short = names.map((one) => (one.endsWith(suffix) ? one.slice(0, -suffix.length) : one));
    const where = namespace === undefined ? "on this node" : `in namespace "${namespace}" of this node`;
    throw new VerbError(
      `Cannot find pod "${name}" ${where}${hint(name, [...names, ...short]) || "; `kubelet get pods` lists those that are there"}`,
    );
  }
  throw new VerbError(
    `Cannot tell which pod "${name}" is meant: there is one in each of ${[...places].join(", ")}; choose by -n NAMESPACE`,
  );
}

/** The container that is meant. @throws VerbError: none of that name, or more than one to choose from */
export function findContainer(pod: Pod, wanted: string | undefined): string {
  const init = (pod.spec?.initContainers ?? []).map(({ name }) => name);
  const main = (pod.spec?.containers ?? []).map(({ name }) => name);
  const debug = (pod.spec?.ephemeralContainers ?? []).map(({ name }) => name);
  const all = [...main, ...init, ...debug];
  const pod_ = `pod "${pod.metadata?.name}"`;
  if (wanted !== undefined) {
    if (all.includes(wanted)) return wanted;
    throw new VerbError(`Cannot find container "${wanted}" in ${pod_}; it has ${all.join(", ")}`);
  }
  const chosen = pod.metadata?.annotations?.["kubectl.kubernetes.io/default-container"];
  if (chosen !== undefined && all.includes(chosen)) return chosen;
  const [only, another] = main;
  if (only !== undefined && another === undefined) return only;
  throw new VerbError(
    `Cannot tell which container of ${pod_} is meant: it has ${all.join(", ")}; choose by -c CONTAINER`,
  );
}
