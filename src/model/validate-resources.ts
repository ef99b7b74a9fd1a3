import type { Report } from "./check.ts";
import { qualifiedName, quote } from "./check.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "./kubernetes.ts";
import { containersOf } from "./pod.ts";
import { containerTotals, isHugePages, isPodLevelResource } from "./pod-resources.ts";
import { compareQuantities, parseQuantity, quantityMillis, quantityUnits } from "./quantity.ts";

const CONTAINER_RESOURCES: readonly string[] = ["cpu", "memory", "ephemeral-storage"];
const WHOLE = 10n ** 9n;
type Lists = Pick<ResourceRequirements, "limits" | "requests">;

export function validateContainerResources(
  report: Report,
  path: string,
  { resources }: Pick<Container, "resources">,
  spec: PodSpec,
): void {
  if (!resources) return;
  lists(report, path, resources, containerResource);
  for (const [index, { name }] of (resources.claims ?? []).entries())
    if (!spec.resourceClaims?.some((claim) => claim.name === name))
      report(`${path}.claims[${index}].name`, `must be a name of spec.resourceClaims, is ${quote(name)}`);
}

/** `spec.resources`: only some resources, and room for what the containers ask. */
export function validatePodResources(report: Report, pod: Pod): void {
  const resources = pod.spec?.resources;
  if (!resources) return;
  const path = "spec.resources";
  if (resources.claims) report(`${path}.claims`, "must not be set for the whole pod");
  lists(report, path, resources, (name) =>
    isPodLevelResource(name) ? undefined : "must be cpu, memory or hugepages-<size> for the whole pod",
  );
  const totals = containerTotals(pod, "requests");
  for (const [name, quantity] of Object.entries(resources.requests ?? {})) {
    const amount = name === "cpu" ? quantityMillis(quantity) : quantityUnits(quantity);
    if ((totals[name] ?? 0) > amount)
      report(`${path}.requests[${name}]`, `must be at least what the containers request together, is ${quantity}`);
  }
  const limitTotals = containerTotals(pod, "limits");
  for (const [name, limit] of Object.entries(resources.limits ?? {})) {
    if (isHugePages(name) && (limitTotals[name] ?? 0) > quantityUnits(limit))
      report(`${path}.limits[${name}]`, `must be at least the limits of the containers together, is ${limit}`);
    for (const [index, container] of containersOf(pod).entries()) {
      const own = container.resources?.limits?.[name];
      if (own !== undefined && compareQuantities(own, limit) > 0)
        report(
          `spec.containers[${index}].resources.limits[${name}]`,
          `must not exceed the pod's limit of ${limit}, is ${own}`,
        );
    }
  }
}

export const validateOverhead = (report: Report, path: string, overhead: { readonly [name: string]: string }): void =>
  each(report, path, overhead, containerResource);

function lists(report: Report, path: string, { limits = {}, requests = {} }: Lists, nameProblem: NameRule): void {
  each(report, `${path}.limits`, limits, nameProblem);
  each(report, `${path}.requests`, requests, nameProblem);
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    const at = `${path}.requests[${name}]`;
    if (mayOvercommit(name)) {
      if (limit !== undefined && compareQuantities(request, limit) > 0)
        report(at, `must not exceed the limit of ${limit}, is ${request}`);
    } else if (limit === undefined)
      report(`${path}.limits[${name}]`, `is required beside a request, and must equal it`);
    else if (compareQuantities(request, limit) !== 0) report(at, `must equal the limit of ${limit}, is ${request}`);
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes("cpu") && !names.includes("memory"))
    report(path, "must name cpu or memory where it names hugepages");
}

type NameRule = (name: string) => string | undefined;

function each(report: Report, path: string, list: { readonly [name: string]: string }, nameProblem: NameRule): void {
  for (const [name, quantity] of Object.entries(list)) {
    const at = `${path}[${name}]`;
    qualifiedName(report, at, name);
    const problem = nameProblem(name);
    if (problem !== undefined) report(at, problem);
    const nano = parseQuantity(quantity)?.nano ?? 0n;
    if (nano < 0n) report(at, `must be 0 or more, is ${quantity}`);
    if (isExtended(name) && nano % WHOLE !== 0n) report(at, `must be a whole number, is ${quantity}`);
    if (isHugePages(name)) hugePages(report, at, name, nano);
  }
}

function hugePages(report: Report, at: string, name: string, nano: bigint): void {
  const size = parseQuantity(name.slice("hugepages-".length))?.nano ?? 0n;
  if (size <= 0n) report(at, `must end in a page size, as in hugepages-2Mi, is ${quote(name)}`);
  else if (nano % size !== 0n) report(at, "must be a multiple of the page size");
}

function containerResource(name: string): string | undefined {
  if (CONTAINER_RESOURCES.includes(name) || isHugePages(name) || name.includes("/")) return undefined;
  return `must be ${CONTAINER_RESOURCES.join(", ")}, hugepages-<size> or a device like example.com/gpu`;
}

const isExtended = (name: string): boolean => name.includes("/") && !/^([^/]*\.)?kubernetes\.io\//.test(name);
const mayOvercommit = (name: string): boolean => !isExtended(name) && !isHugePages(name);
