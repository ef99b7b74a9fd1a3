import type { Container, Pod, ResourceRequirements } from "./kubernetes.ts";
import { containersOf, initContainersOf, isSidecar } from "./pod.ts";
import { compareQuantities, quantityMillis, quantityUnits } from "./quantity.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** Amounts by resource name: `cpu` in thousandths of a core, all others in whole units (bytes, devices). Absent: not asked for. */
export type Amounts = { readonly [resource: string]: number };
type QuantityList = { readonly [resource: string]: string };

/** QoS class by cpu and memory of init and regular containers, or of the pod itself where it sets any. A class in the status stays. */
export function qosClassOf(pod: Pod): QosClass {
  const known = pod.status?.qosClass;
  return known !== undefined && known !== "" ? (known as QosClass) : computedQosClass(pod);
}

const classes = new WeakMap<Pod, QosClass>();

/** The class from the spec alone. Kept with the pod, which never changes: every status asks for it. */
export function computedQosClass(pod: Pod): QosClass {
  const known = classes.get(pod);
  if (known !== undefined) return known;
  const computed = qosClassOfSpec(pod);
  classes.set(pod, computed);
  return computed;
}

function qosClassOfSpec(pod: Pod): QosClass {
  const own = pod.spec?.resources;
  if (own && setsPodLevel(own)) return requirementsClass(own);
  const found = new Set(
    [...initContainersOf(pod), ...containersOf(pod)].map((container) => requirementsClass(container.resources ?? {})),
  );
  const [only] = found;
  if (only === undefined) return "BestEffort";
  return found.size === 1 ? only : "Burstable";
}

/**
 * What the pod takes from the node: regular containers and sidecars together, or the largest init step where that is more;
 * pod-level requests replace these; overhead comes on top.
 */
export function podRequests(pod: Pod): Amounts {
  const requests = { ...containerTotals(pod, "requests"), ...podLevel(pod, "requests") };
  return add(requests, amountsOf(pod.spec?.overhead));
}

/** The sum of limits, in the same way. A resource that some container leaves unlimited still shows the sum of the others. */
export function podLimits(pod: Pod): Amounts {
  const limits: { [resource: string]: number } = { ...containerTotals(pod, "limits"), ...podLevel(pod, "limits") };
  for (const [resource, amount] of Object.entries(amountsOf(pod.spec?.overhead)))
    if (limits[resource]) limits[resource] += amount;
  return limits;
}

export function amountsOf(list: QuantityList | undefined): Amounts {
  const amounts: { [resource: string]: number } = {};
  for (const [resource, quantity] of Object.entries(list ?? {}))
    amounts[resource] = resource === "cpu" ? quantityMillis(quantity) : quantityUnits(quantity);
  return amounts;
}

export const requestsOf = (container: Pick<Container, "resources">): Amounts =>
  amountsOf(container.resources?.requests);
export const limitsOf = (container: Pick<Container, "resources">): Amounts => amountsOf(container.resources?.limits);

/** Resources that `spec.resources` may speak of. */
export const isPodLevelResource = (resource: string): boolean =>
  resource === "cpu" || resource === "memory" || isHugePages(resource);
/** Not one of Kubernetes' own: what device plugins and administrators advertise. */
export const isExtendedResource = (resource: string): boolean =>
  resource.includes("/") && !resource.includes("kubernetes.io/") && !resource.startsWith("requests.");
export const isHugePages = (resource: string): boolean => resource.startsWith("hugepages-");

/** Sum over the containers only, without pod-level amounts and overhead. */
export function containerTotals(pod: Pod, side: "requests" | "limits"): Amounts {
  let running: Amounts = {};
  for (const container of containersOf(pod)) running = add(running, amountsOf(container.resources?.[side]));
  let sidecars: Amounts = {};
  let largest: Amounts = {};
  for (const container of initContainersOf(pod)) {
    const own = amountsOf(container.resources?.[side]);
    if (isSidecar(container)) {
      running = add(running, own);
      sidecars = add(sidecars, own);
      largest = larger(largest, sidecars);
    } else {
      largest = larger(largest, add(own, sidecars));
    }
  }
  return larger(running, largest);
}

function podLevel(pod: Pod, side: "requests" | "limits"): Amounts {
  const list = amountsOf(pod.spec?.resources?.[side]);
  return Object.fromEntries(Object.entries(list).filter(([resource]) => isPodLevelResource(resource)));
}

function setsPodLevel({ requests, limits }: ResourceRequirements): boolean {
  return [...Object.keys(requests ?? {}), ...Object.keys(limits ?? {})].some(isPodLevelResource);
}

function requirementsClass(resources: ResourceRequirements): QosClass {
  const [cpu, memory] = [resourceClass(resources, "cpu"), resourceClass(resources, "memory")];
  return cpu === memory ? cpu : "Burstable";
}

function resourceClass({ requests, limits }: ResourceRequirements, resource: string): QosClass {
  const request = requests?.[resource] ?? "0";
  if (compareQuantities(request, limits?.[resource] ?? "0") !== 0) return "Burstable";
  return compareQuantities(request, "0") === 0 ? "BestEffort" : "Guaranteed";
}

const add = (a: Amounts, b: Amounts): Amounts => merge(a, b, (x, y) => Math.min(x + y, Number.MAX_SAFE_INTEGER));
const larger = (a: Amounts, b: Amounts): Amounts => merge(a, b, Math.max);

function merge(a: Amounts, b: Amounts, join: (x: number, y: number) => number): Amounts {
  const merged: { [resource: string]: number } = { ...a };
  for (const [resource, amount] of Object.entries(b)) {
    const had = merged[resource];
    merged[resource] = had === undefined ? amount : join(had, amount);
  }
  return merged;
}
