import { orAborted } from "../base/abort.ts";
import type { Log } from "../base/log.ts";
import { Reflector } from "../kube/index.ts";
import type { Node, Pod } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { Reporter } from "../reporting/index.ts";
import { ApiPods, type SourceUpdate } from "../sources/index.ts";

export interface ClusterPodsDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly nodeName: string;
  /** This node's object as last seen; undefined: there is none yet. Whoever keeps it calls `nodeChanged`. */
  readonly node: () => Node | undefined;
  /** Pods are not told of before: whether a pod may run here hangs on the node's labels and taints. */
  readonly nodeSeen?: Promise<unknown> | undefined;
  /** Milliseconds from when a status was first to be sent until the API server had it. */
  readonly onStatusSent?: ((took: number) => void) | undefined;
}

/** The core's side of the API server: which pods are bound to this node, and what becomes known of them. */
export interface ClusterPods {
  /** One more source for `readSources`, by the name `api`. */
  source(signal: AbortSignal): AsyncIterable<SourceUpdate>;
  readonly reporter: Reporter;
  /** The API server's pod of that name as it is there now, mirror pods too. */
  get(namespace: string, name: string): Pod | undefined;
  /** Follows the API server; the core calls it. Rejects with `signal.reason`, or with a bug. */
  run(signal: AbortSignal): Promise<never>;
}

/**
 * Pods of a cluster. Wiring: `sources` of the core's settings has "api" in it, `readSources` gets `source`, the core's deps get the whole as `cluster`;
 * the node's object changing is told to `reporter.nodeChanged()`.
 */
export function openClusterPods(deps: ClusterPodsDeps, signal: AbortSignal): ClusterPods {
  const { api, clock, random, log, nodeName, nodeSeen } = deps;
  const pods = new ApiPods({ nodeName, clock, log });
  const reporter = new Reporter(
    { api, clock, random, log, seen: pods, node: deps.node, onSent: deps.onStatusSent },
    signal,
  );
  const reflector: Reflector<Pod> = new Reflector<Pod>(
    {
      at: { group: "", version: "v1", resource: "pods" },
      fieldSelector: `spec.nodeName=${nodeName}`,
      // A pod that an old list does not name would be taken for a deleted one, and stopped.
      fresh: true,
      onChange: (changed) => {
        pods.take(changed, reflector);
        reporter.changed(changed);
      },
      onTrouble: (trouble) => {
        if (!trouble) reporter.recovered();
      },
    },
    { api, clock, random, log },
  );
  return {
    async *source(life) {
      if (nodeSeen) await orAborted(nodeSeen, life);
      yield* pods.updates(life);
    },
    reporter,
    get: (namespace, name) => pods.get(namespace, name),
    run: (life) => Promise.race([reflector.run(life), reporter.run(life)]),
  };
}
