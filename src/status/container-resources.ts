import type { Container, ContainerStatus, ResourceRequirements } from "../model/kubernetes.ts";
import { bytesText, millisText, quantityMillis } from "../model/quantity.ts";
import type { LinuxResources } from "../model/runtime.ts";
import type { SeenContainer } from "./seen.ts";

/** The kernel's least values: both sides at or below them are the same thing, shown as the spec writes it. */
const LEAST_CPU_LIMIT_MILLIS = 10;
const LEAST_CPU_REQUEST_MILLIS = 2;

type Quantities = { readonly [resource: string]: string };

/**
 * Resources in force: while a container runs what the runtime reports, else what the spec gives it. Only what the spec has is shown;
 * what the runtime is silent about keeps the number of the last status of the same instance.
 */
export function resourcesInForce(
  container: Container,
  seen: SeenContainer,
  old: ContainerStatus | undefined,
  containerId: string,
): ResourceRequirements {
  const { resources = {} } = container;
  if (seen.state !== "running") return resources;
  const before = old?.state?.running && old.containerID === containerId ? old.resources : undefined;
  const actual = seen.resources ?? {};
  return {
    ...resources,
    ...(resources.limits ? { limits: limitsOf(resources.limits, actual, before?.limits) } : {}),
    ...(resources.requests ? { requests: requestsOf(resources.requests, actual, before?.requests) } : {}),
  };
}

function limitsOf(spec: Quantities, actual: LinuxResources, before: Quantities | undefined): Quantities {
  const { cpuQuota = 0, cpuPeriod = 0, memoryLimitBytes = 0 } = actual;
  const cpu = cpuQuota > 0 && cpuPeriod > 0 ? Math.floor((cpuQuota * 1000) / cpuPeriod) : undefined;
  return {
    ...spec,
    ...cpuOf(spec, cpu, LEAST_CPU_LIMIT_MILLIS, before),
    ...(memoryLimitBytes > 0 ? { memory: bytesText(memoryLimitBytes) } : kept("memory", before)),
  };
}

function requestsOf(spec: Quantities, actual: LinuxResources, before: Quantities | undefined): Quantities {
  const { cpuShares = 0 } = actual;
  const cpu = cpuShares > 0 ? Math.ceil((cpuShares * 1000) / 1024) : undefined;
  return { ...spec, ...cpuOf(spec, cpu, LEAST_CPU_REQUEST_MILLIS, before), ...kept("memory", before) };
}

function cpuOf(
  spec: Quantities,
  actualMillis: number | undefined,
  least: number,
  before: Quantities | undefined,
): Quantities {
  if (actualMillis === undefined) return kept("cpu", before);
  if (actualMillis <= least && quantityMillis(spec.cpu) <= least) return {};
  return { cpu: millisText(actualMillis) };
}

const kept = (resource: string, before: Quantities | undefined): Quantities => {
  const value = before?.[resource];
  return value === undefined ? {} : { [resource]: value };
};
