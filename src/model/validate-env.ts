import type { Report } from "./check.ts";
import { dnsLabel, envName, noBacksteps, quote, required } from "./check.ts";
import type { Container, EnvVar, ObjectFieldSelector, PodSpec, ResourceFieldSelector } from "./kubernetes.ts";
import { nearest } from "./nearest.ts";

const ENV_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
const RESOURCE_FIELD = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/;
const SUBSCRIPT = /^metadata\.(annotations|labels)\['([^']+)'\]$/;
const SOURCES = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"] as const;
/** 0 stands for 1. */
const CPU_DIVISOR = /^(1m|1|0)$/;
const BYTES_DIVISOR = /^(1[kMGTPE]?|1[KMGTPE]i|0)$/;

export function validateEnv(report: Report, path: string, container: Container, spec: PodSpec): void {
  for (const [index, variable] of (container.env ?? []).entries()) {
    const at = `${path}.env[${index}]`;
    envName(report, `${at}.name`, variable.name);
    if (variable.valueFrom) valueFrom(report, `${at}.valueFrom`, variable, spec);
  }
  for (const [index, source] of (container.envFrom ?? []).entries()) {
    const at = `${path}.envFrom[${index}]`;
    if (source.prefix !== undefined && source.prefix !== "") envName(report, `${at}.prefix`, source.prefix);
    if ((source.configMapRef === undefined) === (source.secretRef === undefined))
      report(at, "must have one of configMapRef and secretRef");
    if (source.configMapRef) required(report, `${at}.configMapRef.name`, source.configMapRef.name);
    if (source.secretRef) required(report, `${at}.secretRef.name`, source.secretRef.name);
  }
}

function valueFrom(report: Report, path: string, variable: EnvVar, spec: PodSpec): void {
  const given = variable.valueFrom ?? {};
  const kinds = SOURCES.filter((kind) => given[kind] !== undefined);
  if (kinds.length === 0) report(path, `must have one of ${SOURCES.join(", ")}`);
  else if (variable.value) report(path, "must not be set beside value: keep one");
  else if (kinds.length > 1) report(path, `must have one source, has ${kinds.join(" and ")}`);
  if (given.fieldRef) validateFieldRef(report, `${path}.fieldRef`, given.fieldRef, ENV_FIELDS);
  if (given.resourceFieldRef) validateResourceFieldRef(report, `${path}.resourceFieldRef`, given.resourceFieldRef);
  for (const kind of ["configMapKeyRef", "secretKeyRef"] as const) {
    const key = given[kind];
    if (!key) continue;
    required(report, `${path}.${kind}.name`, key.name);
    required(report, `${path}.${kind}.key`, key.key);
  }
  const file = given.fileKeyRef;
  if (!file) return;
  const at = `${path}.fileKeyRef`;
  envName(report, `${at}.key`, file.key);
  required(report, `${at}.path`, file.path);
  noBacksteps(report, `${at}.path`, file.path);
  dnsLabel(report, `${at}.volumeName`, file.volumeName);
  const volume = spec.volumes?.find(({ name }) => name === file.volumeName);
  if (!volume?.emptyDir)
    report(`${at}.volumeName`, `must name an emptyDir of spec.volumes, is ${quote(file.volumeName)}`);
}

export function validateFieldRef(
  report: Report,
  path: string,
  ref: ObjectFieldSelector,
  fields: readonly string[],
): void {
  const at = `${path}.fieldPath`;
  if (ref.apiVersion !== undefined && ref.apiVersion !== "" && ref.apiVersion !== "v1")
    report(`${path}.apiVersion`, `must be "v1", is ${quote(ref.apiVersion)}`);
  if (ref.fieldPath === "") report(at, "is required");
  else if (!SUBSCRIPT.test(ref.fieldPath) && !fields.includes(ref.fieldPath)) {
    const near = nearest(ref.fieldPath, fields);
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    const choice = [...fields, "metadata.labels['KEY']", "metadata.annotations['KEY']"].join(", ");
    report(at, `must be one of ${choice}, is ${quote(ref.fieldPath)}${hint}`);
  }
}

export function validateResourceFieldRef(report: Report, path: string, ref: ResourceFieldSelector): void {
  const at = `${path}.resource`;
  const resource = RESOURCE_FIELD.exec(ref.resource)?.[2];
  if (ref.resource === "") report(at, "is required");
  else if (resource === undefined)
    report(
      at,
      `must be limits or requests of cpu, memory, ephemeral-storage or hugepages-<size>, is ${quote(ref.resource)}`,
    );
  else if (ref.divisor !== undefined && !(resource === "cpu" ? CPU_DIVISOR : BYTES_DIVISOR).test(ref.divisor))
    report(
      `${path}.divisor`,
      `must be ${resource === "cpu" ? "1m or 1" : "1, 1k, 1M, … or 1Ki, 1Mi, …"}, is ${ref.divisor}`,
    );
}
