import type { Node } from "../model/kubernetes.ts";
import { isExtendedResource } from "../model/pod-resources.ts";
import { isHugePageResource, type Quantities } from "./capacity.ts";
import { reconciledAnnotations } from "./initial-node.ts";
import { reconciledLabels } from "./labels.ts";

/**
 * A Node that was registered before, brought up to date with what we would register: default labels, the annotation of who attaches volumes,
 * huge pages. Extended resources become 0 until a device plugin says otherwise: the plugins of an earlier life are not here yet. Taints, the
 * provider's id and other labels are whoever's changed them since.
 */
export function reconciledNode(existing: Node, initial: Node): Node {
  const { metadata, status = {} } = existing;
  const own = initial.status ?? {};
  return {
    ...existing,
    metadata: {
      ...metadata,
      labels: reconciledLabels(metadata?.labels ?? {}, initial.metadata?.labels ?? {}),
      annotations: reconciledAnnotations(metadata?.annotations ?? {}, initial.metadata?.annotations ?? {}),
    },
    status: {
      ...status,
      capacity: reconciledResources(status.capacity ?? own.capacity ?? {}, own.capacity ?? {}),
      allocatable: reconciledResources(status.allocatable ?? own.allocatable ?? {}, own.allocatable ?? {}),
    },
  };
}

function reconciledResources(existing: Quantities, own: Quantities): Quantities {
  const kept = Object.entries(existing)
    .filter(([name]) => !isHugePageResource(name))
    .map(([name, amount]) => [name, isExtendedResource(name) ? "0" : amount]);
  const pages = Object.entries(own).filter(([name]) => isHugePageResource(name));
  return Object.fromEntries([...kept, ...pages]);
}
