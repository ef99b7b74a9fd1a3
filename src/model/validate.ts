import type { Problem } from "../base/fault.ts";
import type { Report } from "./check.ts";
import {
  dnsLabel,
  dnsSubdomain,
  isDnsSubdomain,
  isLabelValue,
  labelValue,
  oneOf,
  qualifiedName,
  quote,
  unique,
} from "./check.ts";
import { isIpAddress } from "./ip.ts";
import type { ObjectMeta, Pod, PodSpec, Toleration } from "./kubernetes.ts";
import { validateContainers } from "./validate-container.ts";
import { validateOverhead, validatePodResources } from "./validate-resources.ts";
import { validatePodSecurity } from "./validate-security.ts";
import { validateVolumes } from "./validate-volume.ts";

const MAX_ANNOTATION_BYTES = 256 * 1024;
const INT32_MAX = 2 ** 31 - 1;

/**
 * Everything that the API server would hold against creating this defaulted pod (pkg/apis/core/validation of v1.37), for the parts
 * that this node acts on: scheduling rules (affinity, spread) are the scheduler's business and are not looked at.
 */
export function validatePod(pod: Pod): readonly Problem[] {
  const problems: Problem[] = [];
  const report: Report = (field, message) => problems.push({ field, message });
  metadata(report, pod.metadata ?? {});
  const { spec } = pod;
  if (!spec) {
    report("spec", "is required");
    return problems;
  }
  validateVolumes(report, spec);
  validateContainers(report, spec);
  if (spec.ephemeralContainers?.length) report("spec.ephemeralContainers", "must not be set in a new pod");
  validatePodResources(report, pod);
  if (spec.overhead) validateOverhead(report, "spec.overhead", spec.overhead);
  validatePodSecurity(report, spec);
  choices(report, spec);
  namespaces(report, spec);
  hostNames(report, spec);
  dns(report, spec);
  for (const [index, toleration] of (spec.tolerations ?? []).entries())
    tolerates(report, `spec.tolerations[${index}]`, toleration);
  gates(report, spec);
  return problems;
}

function metadata(report: Report, meta: ObjectMeta): void {
  if (!meta.name) report("metadata.name", "is required");
  else dnsSubdomain(report, "metadata.name", meta.name);
  if (!meta.namespace) report("metadata.namespace", "is required");
  else dnsLabel(report, "metadata.namespace", meta.namespace);
  keysAndValues(report, "metadata.labels", meta.labels);
  let size = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    qualifiedName(report, `metadata.annotations[${key}]`, key.toLowerCase());
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > MAX_ANNOTATION_BYTES)
    report("metadata.annotations", `must have at most ${MAX_ANNOTATION_BYTES} bytes together, has ${size}`);
}

function keysAndValues(report: Report, path: string, map: { readonly [key: string]: string } | undefined): void {
  for (const [key, value] of Object.entries(map ?? {})) {
    qualifiedName(report, `${path}[${key}]`, key);
    labelValue(report, `${path}[${key}]`, value);
  }
}

function choices(report: Report, spec: PodSpec): void {
  oneOf(report, "spec.restartPolicy", spec.restartPolicy, ["Always", "OnFailure", "Never"]);
  oneOf(report, "spec.preemptionPolicy", spec.preemptionPolicy, ["PreemptLowerPriority", "Never"]);
  oneOf(report, "spec.os.name", spec.os?.name, ["linux", "windows"]);
  keysAndValues(report, "spec.nodeSelector", spec.nodeSelector);
  for (const field of ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] as const) {
    const value = spec[field];
    if (value) dnsSubdomain(report, `spec.${field}`, value);
  }
  const { activeDeadlineSeconds: deadline, terminationGracePeriodSeconds: grace } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > INT32_MAX))
    report("spec.activeDeadlineSeconds", `must be from 1 to ${INT32_MAX}, is ${deadline}`);
  if (grace !== undefined && grace < 0) report("spec.terminationGracePeriodSeconds", `must be 0 or more, is ${grace}`);
}

function namespaces(report: Report, spec: PodSpec): void {
  if (spec.shareProcessNamespace && spec.hostPID)
    report("spec.shareProcessNamespace", "must not be true with hostPID: keep one");
  if (spec.hostUsers !== false) return;
  for (const field of ["hostNetwork", "hostPID", "hostIPC"] as const)
    if (spec[field]) report(`spec.${field}`, "must not be true where hostUsers is false");
}

function hostNames(report: Report, spec: PodSpec): void {
  if (spec.hostname) dnsLabel(report, "spec.hostname", spec.hostname);
  if (spec.subdomain) dnsLabel(report, "spec.subdomain", spec.subdomain);
  const { hostnameOverride } = spec;
  if (hostnameOverride !== undefined) {
    if (spec.setHostnameAsFQDN) report("spec.hostnameOverride", "must not be set with setHostnameAsFQDN: keep one");
    if (spec.hostNetwork) report("spec.hostnameOverride", "must not be set with hostNetwork: the name is the node's");
    if (hostnameOverride.length > 64)
      report("spec.hostnameOverride", `must have at most 64 characters, has ${hostnameOverride.length}`);
    dnsSubdomain(report, "spec.hostnameOverride", hostnameOverride);
  }
  for (const [index, { ip, hostnames = [] }] of (spec.hostAliases ?? []).entries()) {
    const path = `spec.hostAliases[${index}]`;
    if (!isIpAddress(ip)) report(`${path}.ip`, `must be an IP address, is ${quote(ip)}`);
    for (const [place, name] of hostnames.entries()) dnsSubdomain(report, `${path}.hostnames[${place}]`, name);
  }
}

function dns(report: Report, spec: PodSpec): void {
  oneOf(report, "spec.dnsPolicy", spec.dnsPolicy, ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]);
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {};
  const path = "spec.dnsConfig";
  if (spec.dnsPolicy === "None" && nameservers.length === 0)
    report(`${path}.nameservers`, 'must have at least one where dnsPolicy is "None"');
  if (nameservers.length > 3) report(`${path}.nameservers`, `must have at most 3, has ${nameservers.length}`);
  for (const [index, server] of nameservers.entries())
    if (!isIpAddress(server)) report(`${path}.nameservers[${index}]`, `must be an IP address, is ${quote(server)}`);
  if (searches.length > 32) report(`${path}.searches`, `must have at most 32, has ${searches.length}`);
  if (searches.join(" ").length > 2048) report(`${path}.searches`, "must have at most 2048 characters together");
  // Underscores are allowed here, for the sake of service records.
  for (const [index, search] of searches.entries())
    if (search !== "." && !isDnsSubdomain(search.replace(/\.$/, "").replaceAll("_", "0")))
      report(`${path}.searches[${index}]`, `must be a domain name, is ${quote(search)}`);
  for (const [index, { name }] of options.entries()) if (!name) report(`${path}.options[${index}].name`, "is required");
}

function tolerates(report: Report, path: string, given: Toleration): void {
  const { key = "", operator = "", value = "", effect = "" } = given;
  if (key !== "") qualifiedName(report, `${path}.key`, key);
  else if (operator !== "Exists")
    report(`${path}.operator`, 'must be "Exists" where key is empty, which matches all taints');
  oneOf(report, `${path}.operator`, operator, ["", "Equal", "Exists", "Lt", "Gt"]);
  oneOf(report, `${path}.effect`, effect, ["", "NoSchedule", "PreferNoSchedule", "NoExecute"]);
  if (operator === "Exists" && value !== "") report(`${path}.value`, 'must be empty where operator is "Exists"');
  if ((operator === "" || operator === "Equal") && !isLabelValue(value)) labelValue(report, `${path}.value`, value);
  if (given.tolerationSeconds !== undefined && effect !== "NoExecute")
    report(`${path}.effect`, 'must be "NoExecute" where tolerationSeconds is set');
}

function gates(report: Report, spec: PodSpec): void {
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries())
    qualifiedName(report, `spec.readinessGates[${index}].conditionType`, conditionType);
  const scheduling = spec.schedulingGates ?? [];
  if (scheduling.length > 0 && spec.nodeName)
    report("spec.schedulingGates", "must be empty in a pod that is on a node");
  unique(
    report,
    scheduling.map(({ name }) => name),
    (index) => `spec.schedulingGates[${index}].name`,
  );
}
