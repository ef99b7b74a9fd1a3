import type { Pod } from "../model/kubernetes.ts";
import { type Amounts, isExtendedResource, isHugePages, podRequests } from "../model/pod-resources.ts";

export interface Shortage {
  readonly resource: string;
  readonly message: string;
}

const ORDER = ["cpu", "memory", "ephemeral-storage"];

/** What of the node's amounts does not suffice for the pod beside the others, in upstream's order. */
export function shortagesOf(pod: Pod, others: readonly Pod[], allocatable: Amounts): readonly Shortage[] {
  const shortages: Shortage[] = [];
  const { pods } = allocatable;
  if (pods !== undefined && others.length + 1 > pods) shortages.push(shortage("pods", 1, others.length, pods));
  const taken = others.map(podRequests);
  const wanted = Object.entries(podRequests(pod)).filter(([, amount]) => amount > 0);
  for (const [resource, amount] of wanted.toSorted(([a], [b]) => place(a) - place(b))) {
    const capacity = capacityOf(resource, allocatable);
    if (capacity === undefined) continue;
    const used = taken.reduce((sum, requests) => sum + (requests[resource] ?? 0), 0);
    if (used + amount > capacity) shortages.push(shortage(resource, amount, used, capacity));
  }
  return shortages;
}

/** An extended resource that this node does not know is somebody else's to give: a cluster has such, too. */
function capacityOf(resource: string, allocatable: Amounts): number | undefined {
  const known = allocatable[resource];
  return known ?? (isHugePages(resource) && !isExtendedResource(resource) ? 0 : undefined);
}

const shortage = (resource: string, requested: number, used: number, capacity: number): Shortage => ({
  resource,
  message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
});

function place(resource: string): number {
  const index = ORDER.indexOf(resource);
  return index < 0 ? ORDER.length : index;
}
