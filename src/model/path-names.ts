import type { Problem } from "../base/fault.ts";
import { dnsLabel, dnsSubdomain, type Report } from "./check.ts";
import type { Pod } from "./kubernetes.ts";
import { allContainersOf, volumesOf } from "./pod.ts";

const UID = /^[A-Za-z0-9][-A-Za-z0-9]{0,127}$/;

/** Directories and log paths are made of the UID. */
export const isPodUid = (text: string): boolean => UID.test(text);

/**
 * What is wrong with the names of a pod that this node makes paths of. Everything else about a pod of the API server that server has judged, by rules
 * that may be newer than ours.
 */
export function pathNameProblems(pod: Pod): readonly Problem[] {
  const problems: Problem[] = [];
  const report: Report = (field, message) => problems.push({ field, message });
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  dnsSubdomain(report, "metadata.name", name);
  dnsLabel(report, "metadata.namespace", namespace);
  if (!isPodUid(uid)) report("metadata.uid", 'must be 1 to 128 letters, digits and "-"');
  const containers = allContainersOf(pod).map((container) => container.name);
  if (containers.length === 0) report("spec.containers", "must not be empty");
  labels(report, "containers", containers);
  labels(
    report,
    "volumes",
    volumesOf(pod).map((volume) => volume.name),
  );
  return problems;
}

function labels(report: Report, what: string, names: readonly string[]): void {
  const known = new Set<string>();
  for (const name of names) {
    dnsLabel(report, `name of one of spec.${what}`, name);
    if (known.has(name)) report(`spec.${what}`, `has two of the name "${name}"`);
    known.add(name);
  }
}
