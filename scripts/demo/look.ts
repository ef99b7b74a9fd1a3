/** One look at the node: its pods, read with few words. */
import type { ContainerStatus, Pod } from "../../src/model/kubernetes.ts";
import type { LocalAnswers, RejectedManifest } from "../../src/node/index.ts";
import { type DemoNode, NODE_NAME } from "./node.ts";

export class Look {
  readonly node: DemoNode;
  readonly pods: readonly Pod[];
  readonly rejected: readonly RejectedManifest[];
  readonly events: LocalAnswers["events"];

  private constructor(
    node: DemoNode,
    pods: readonly Pod[],
    rejected: readonly RejectedManifest[],
    events: LocalAnswers["events"],
  ) {
    this.node = node;
    this.pods = pods;
    this.rejected = rejected;
    this.events = events;
  }

  static async at(node: DemoNode): Promise<Look> {
    const [{ items, rejected }, events] = await Promise.all([node.pods(), node.events()]);
    return new Look(node, items, rejected, events);
  }

  /** A static pod, by the name in its manifest. */
  pod(name: string): Pod | undefined {
    return this.pods.find(({ metadata }) => metadata?.name === `${name}-${NODE_NAME}`);
  }

  ip(name: string): string | undefined {
    return this.pod(name)?.status?.podIP || undefined;
  }

  /** Init containers too, in their order. */
  containers(name: string): readonly ContainerStatus[] {
    const status = this.pod(name)?.status;
    return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  }

  container(pod: string, name: string): ContainerStatus | undefined {
    return this.containers(pod).find((one) => one.name === name);
  }

  /** Every container with an id, as text that changes when one is replaced or restarted; sorted. */
  get identities(): readonly string[] {
    return this.pods
      .flatMap(({ metadata, status }) =>
        [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
          ({ name, containerID, restartCount }) => `${metadata?.name}/${name} ${containerID} restarts=${restartCount}`,
        ),
      )
      .sort();
  }
}

/** The answer of a web server in a pod. This process is in the node's network namespace. */
export async function page(host: string): Promise<string> {
  const response = await fetch(`http://${host}:8080/`, { signal: AbortSignal.timeout(2000) });
  return (await response.text()).trim();
}
