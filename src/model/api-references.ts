import type { Problem } from "../base/fault.ts";
import type { Pod, Volume } from "./kubernetes.ts";
import { allContainersOf, specOf, volumesOf } from "./pod.ts";

/** Volume kinds whose content comes from the API or is arranged by it, and what that is. */
const API_VOLUMES: { readonly [kind: string]: string } = {
  configMap: "ConfigMap",
  secret: "Secret",
  csi: "CSIDriver",
  glusterfs: "Endpoints",
  persistentVolumeClaim: "PersistentVolumeClaim",
  ephemeral: "PersistentVolumeClaim",
  azureFile: "Secret",
};
const API_PROJECTIONS: { readonly [kind: string]: string } = {
  configMap: "ConfigMap",
  secret: "Secret",
  serviceAccountToken: "ServiceAccount",
  clusterTrustBundle: "ClusterTrustBundle",
  podCertificate: "PodCertificateRequest",
};
/** Fields of other volume kinds that name a Secret. */
const SECRET_FIELDS = ["secretRef", "nodePublishSecretRef"];

/** Everything in the pod that only the API server could give. Static pods must have none of it: they run without one. */
export function apiReferences(pod: Pod): readonly Problem[] {
  const problems: Problem[] = [];
  const refuse = (field: string, kind: string) =>
    problems.push({ field, message: `must not be set: a static pod cannot use a ${kind}, which lives in the API` });
  const spec = specOf(pod);
  if (spec.serviceAccountName) refuse("spec.serviceAccountName", "ServiceAccount");
  if (spec.imagePullSecrets?.length) refuse("spec.imagePullSecrets", "Secret");
  if (spec.resourceClaims?.length) refuse("spec.resourceClaims", "ResourceClaim");
  for (const container of allContainersOf(pod)) {
    const path = containerPath(pod, container.name);
    for (const [index, { configMapRef, secretRef }] of (container.envFrom ?? []).entries()) {
      if (configMapRef) refuse(`${path}.envFrom[${index}].configMapRef`, "ConfigMap");
      if (secretRef) refuse(`${path}.envFrom[${index}].secretRef`, "Secret");
    }
    for (const [index, { valueFrom }] of (container.env ?? []).entries()) {
      if (valueFrom?.configMapKeyRef) refuse(`${path}.env[${index}].valueFrom.configMapKeyRef`, "ConfigMap");
      if (valueFrom?.secretKeyRef) refuse(`${path}.env[${index}].valueFrom.secretKeyRef`, "Secret");
    }
  }
  for (const [index, volume] of volumesOf(pod).entries()) volumeReferences(refuse, `spec.volumes[${index}]`, volume);
  return problems;
}

function volumeReferences(refuse: (field: string, kind: string) => void, path: string, volume: Volume): void {
  for (const [source, value] of Object.entries(volume)) {
    if (value === undefined || typeof value !== "object") continue;
    const kind = API_VOLUMES[source];
    if (kind !== undefined) refuse(`${path}.${source}`, kind);
    else for (const field of SECRET_FIELDS) if (value[field]) refuse(`${path}.${source}.${field}`, "Secret");
  }
  for (const [index, part] of (volume.projected?.sources ?? []).entries())
    for (const [source, value] of Object.entries(part)) {
      const kind = API_PROJECTIONS[source];
      if (kind !== undefined && value !== undefined) refuse(`${path}.projected.sources[${index}].${source}`, kind);
    }
}

function containerPath(pod: Pod, name: string): string {
  for (const list of ["containers", "initContainers", "ephemeralContainers"] as const) {
    const index = specOf(pod)[list]?.findIndex((container) => container.name === name) ?? -1;
    if (index >= 0) return `spec.${list}[${index}]`;
  }
  return "spec";
}
