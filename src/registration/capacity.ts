import { thresholdQuantity } from "../model/eviction-threshold.ts";
import { isExtendedResource } from "../model/pod-resources.ts";
import {
  addQuantities,
  bytesText,
  millisText,
  parseQuantity,
  quantityUnits,
  subtractQuantities,
  unitsText,
} from "../model/quantity.ts";
import type { FilesystemSpace, MachineInfo } from "../ports/node-facts.ts";

export type Quantities = { readonly [resource: string]: string };

const HUGEPAGES = "hugepages-";
const MEMORY = "memory";
const EPHEMERAL_STORAGE = "ephemeral-storage";

/** Resources whose hard eviction threshold is out of reach for pods, and the signal of each. */
const EVICTION_SIGNALS: readonly (readonly [resource: string, signal: string])[] = [
  [MEMORY, "memory.available"],
  [EPHEMERAL_STORAGE, "nodefs.available"],
];

export interface CapacityOptions {
  readonly maxPods: number;
  readonly podsPerCore: number;
  readonly ephemeralStorage: boolean;
  readonly reserved: readonly Quantities[];
  readonly evictionHard: { readonly [signal: string]: string };
}

export const isHugePageResource = (name: string): boolean => name.startsWith(HUGEPAGES);

/** What the machine has, in upstream's notation. `space`: of the root directory's file system, undefined while that is not known. */
export function machineCapacity(
  machine: MachineInfo,
  space: FilesystemSpace | undefined,
  options: CapacityOptions,
): Quantities {
  const { maxPods, podsPerCore, ephemeralStorage } = options;
  const pods = podsPerCore > 0 ? Math.min(machine.cpus * podsPerCore, maxPods) : maxPods;
  const pages = [...machine.hugepages].map(([size, bytes]) => [`${HUGEPAGES}${bytesText(size)}`, bytesText(bytes)]);
  return {
    cpu: millisText(machine.cpus * 1000),
    // Upstream counts storage by thousands, memory by 1024: "100G" beside "4Gi".
    ...(ephemeralStorage && space ? { [EPHEMERAL_STORAGE]: unitsText(space.capacityBytes) } : {}),
    ...Object.fromEntries(pages),
    memory: bytesText(machine.memoryBytes),
    pods: unitsText(pods),
  };
}

/** The Node's capacity with ours in it: what others advertise stays. */
export const mergedCapacity = (before: Quantities, own: Quantities): Quantities => ({ ...before, ...own });

/**
 * What pods may ask for: the capacity without what is reserved and without the reach of hard eviction, and memory without all huge pages.
 * `before`: the Node's allocatable as it is; other resources there stay, extended ones only while they have a capacity.
 */
export function allocatableOf(capacity: Quantities, before: Quantities, options: CapacityOptions): Quantities {
  const kept = Object.entries(before).filter(([name]) => capacity[name] !== undefined || !isExtendedResource(name));
  const result: { [resource: string]: string } = Object.fromEntries(kept);
  for (const [name, amount] of Object.entries(capacity)) {
    result[name] = subtractQuantities(amount, reservedOf(name, capacity, options));
  }
  for (const [name, amount] of Object.entries(capacity))
    if (isHugePageResource(name)) result[MEMORY] = subtractQuantities(result[MEMORY] ?? "0", amount);
  return result;
}

/** Everything kept from pods of one resource. */
function reservedOf(name: string, capacity: Quantities, { reserved, evictionHard }: CapacityOptions): string {
  const given = reserved.map((list) => list[name] ?? "0");
  const signal = EVICTION_SIGNALS.find(([resource]) => resource === name)?.[1];
  const threshold = signal === undefined ? undefined : evictionHard[signal];
  const eviction = threshold === undefined ? "0" : thresholdQuantity(threshold, quantityUnits(capacity[name]));
  return [...given, eviction].reduce(addQuantities, "0");
}

/** Amounts reserved that are more than there is: the node can't start so. One sentence each. */
export function reservationProblems(capacity: Quantities, options: CapacityOptions): readonly string[] {
  return Object.entries(capacity).flatMap(([name, amount]) => {
    const reserved = reservedOf(name, capacity, options);
    const enough = (parseQuantity(amount)?.nano ?? 0n) >= (parseQuantity(reserved)?.nano ?? 0n);
    return enough ? [] : [`${name}: ${reserved} is reserved of ${amount}`];
  });
}
