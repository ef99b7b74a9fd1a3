import { unreachable } from "../base/fault.ts";
import type { Container, Pod, ResourceFieldSelector } from "./kubernetes.ts";
import { allContainersOf, nameOf, namespaceOf } from "./pod.ts";
import { isPodLevelResource } from "./pod-resources.ts";
import { compareQuantities, parseQuantity } from "./quantity.ts";

/** What a pod may learn of its surroundings. Addresses: the primary one first. */
export interface Surroundings {
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
  /** Resource name -> quantity that the node can give to pods; stands in for a limit that is not set. */
  readonly allocatable: { readonly [resource: string]: string };
}

type Strings = { readonly [key: string]: string } | undefined;

/** Value of a downward field path; undefined for a path that does not exist. An absent label or annotation gives "". */
export function fieldValue(path: string, pod: Pod, around: Surroundings): string | undefined {
  const { metadata, spec } = pod;
  const key = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (key?.[1] && key[2] !== undefined) return valueAt(metadata?.[key[1] as "labels" | "annotations"], key[2]);
  switch (path) {
    case "metadata.name":
      return nameOf(pod);
    case "metadata.namespace":
      return namespaceOf(pod);
    case "metadata.uid":
      return metadata?.uid ?? "";
    case "metadata.labels":
      return mapText(metadata?.labels);
    case "metadata.annotations":
      return mapText(metadata?.annotations);
    case "spec.nodeName":
    case "spec.host":
      return spec?.nodeName ?? around.nodeName;
    case "spec.serviceAccountName":
      return spec?.serviceAccountName ?? "";
    case "status.hostIP":
      return around.hostIps[0] ?? "";
    case "status.hostIPs":
      return around.hostIps.join(",");
    case "status.podIP":
      return around.podIps[0] ?? "";
    case "status.podIPs":
      return around.podIps.join(",");
    default:
      return undefined;
  }
}

/** "constructor" and the like are names as good as any. */
const valueAt = (map: Strings, key: string): string => (map && Object.hasOwn(map, key) ? (map[key] ?? "") : "");

/** One `key="value"` per line, sorted, as downward files show labels. */
function mapText(map: Strings): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

export type ResourceValue =
  | { readonly kind: "value"; readonly text: string }
  | { readonly kind: "no-container"; readonly name: string }
  | { readonly kind: "unknown-resource"; readonly name: string };

/** A container's request or limit in multiples of the divisor, rounded up. A limit that is not set counts as the pod's, then the node's. */
export function resourceValue(
  selector: ResourceFieldSelector,
  pod: Pod,
  own: Pick<Container, "resources">,
  around: Surroundings,
): ResourceValue {
  const name = selector.containerName ?? "";
  const container = name === "" ? own : allContainersOf(pod).find((candidate) => candidate.name === name);
  if (!container) return { kind: "no-container", name };
  const [, side, resource] = /^(limits|requests)\.(.+)$/.exec(selector.resource) ?? [];
  if (!side || !resource || !isKnown(resource)) return { kind: "unknown-resource", name: selector.resource };
  const quantity =
    side === "limits" ? limitOf(resource, pod, container, around) : (container.resources?.requests?.[resource] ?? "0");
  return { kind: "value", text: inMultiples(quantity, selector.divisor ?? "0") };
}

const isKnown = (resource: string): boolean =>
  ["cpu", "memory", "ephemeral-storage"].includes(resource) || resource.startsWith("hugepages-");

function limitOf(resource: string, pod: Pod, container: Pick<Container, "resources">, around: Surroundings): string {
  const candidates = [
    container.resources?.limits?.[resource],
    isPodLevelResource(resource) ? pod.spec?.resources?.limits?.[resource] : undefined,
    resource.startsWith("hugepages-") ? undefined : around.allocatable[resource],
  ];
  return candidates.find((quantity) => quantity !== undefined && compareQuantities(quantity, "0") !== 0) ?? "0";
}

function inMultiples(quantity: string, divisor: string): string {
  const amount = parseQuantity(quantity)?.nano ?? 0n;
  const unit = parseQuantity(divisor)?.nano ?? 0n;
  const size = unit > 0n ? unit : 1_000_000_000n;
  return String((amount + size - 1n) / size);
}

/** What is wrong with a selector, in words for the pod's owner. */
export function resourceProblem(value: Exclude<ResourceValue, { kind: "value" }>): string {
  switch (value.kind) {
    case "no-container":
      return `container ${value.name} not found`;
    case "unknown-resource":
      return `unsupported container resource: ${value.name}`;
    default:
      return unreachable(value);
  }
}
