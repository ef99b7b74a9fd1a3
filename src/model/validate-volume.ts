import type { Report } from "./check.ts";
import { descendingPath, dnsLabel, fileMode, id, noBacksteps, oneOf, quote, required, unique } from "./check.ts";
import { HOST_PATH_TYPES } from "./host-path.ts";
import type { DownwardAPIVolumeFile, KeyToPath, PodSpec, ProjectedVolumeSource, Volume } from "./kubernetes.ts";
import { compareQuantities } from "./quantity.ts";
import { validateFieldRef, validateResourceFieldRef } from "./validate-env.ts";

const PROJECTIONS = [
  "secret",
  "configMap",
  "downwardAPI",
  "serviceAccountToken",
  "clusterTrustBundle",
  "podCertificate",
] as const;
export const VOLUME_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "metadata.labels",
  "metadata.annotations",
];

export function validateVolumes(report: Report, spec: PodSpec): void {
  const volumes = spec.volumes ?? [];
  unique(
    report,
    volumes.map(({ name }) => name),
    (index) => `spec.volumes[${index}].name`,
  );
  for (const [index, given] of volumes.entries()) {
    const path = `spec.volumes[${index}]`;
    dnsLabel(report, `${path}.name`, given.name);
    const [first, ...more] = sourcesOf(given);
    for (const kind of more) report(`${path}.${kind}`, `must not be set beside ${first}: keep one`);
    source(report, path, given);
  }
}

/** Names of the sources that a volume has; one, in a good pod. */
export const sourcesOf = (volume: Volume): readonly string[] =>
  Object.entries(volume).flatMap(([field, value]) => (field === "name" || value === undefined ? [] : [field]));

function source(report: Report, path: string, given: Volume): void {
  const { emptyDir, hostPath, secret, configMap, downwardAPI, projected, image, nfs, persistentVolumeClaim } = given;
  if (emptyDir?.sizeLimit !== undefined && compareQuantities(emptyDir.sizeLimit, "0") < 0)
    report(`${path}.emptyDir.sizeLimit`, `must be 0 or more, is ${emptyDir.sizeLimit}`);
  if (emptyDir) fileMode(report, `${path}.emptyDir.mode`, emptyDir.mode, 0o1777);
  if (hostPath) {
    required(report, `${path}.hostPath.path`, hostPath.path);
    noBacksteps(report, `${path}.hostPath.path`, hostPath.path);
    oneOf(report, `${path}.hostPath.type`, hostPath.type, HOST_PATH_TYPES);
  }
  if (secret) {
    required(report, `${path}.secret.secretName`, secret.secretName);
    modeAndItems(report, `${path}.secret`, secret);
  }
  if (configMap) {
    required(report, `${path}.configMap.name`, configMap.name);
    modeAndItems(report, `${path}.configMap`, configMap);
  }
  if (downwardAPI) {
    fileMode(report, `${path}.downwardAPI.defaultMode`, downwardAPI.defaultMode);
    id(report, `${path}.downwardAPI.defaultUser`, downwardAPI.defaultUser);
    for (const [index, item] of (downwardAPI.items ?? []).entries())
      downwardItem(report, `${path}.downwardAPI.items[${index}]`, item);
  }
  if (projected) projection(report, `${path}.projected`, projected);
  if (image) {
    required(report, `${path}.image.reference`, image.reference);
    oneOf(report, `${path}.image.pullPolicy`, image.pullPolicy, ["Always", "IfNotPresent", "Never"]);
  }
  if (nfs) {
    required(report, `${path}.nfs.server`, nfs.server);
    if (!nfs.path.startsWith("/")) report(`${path}.nfs.path`, `must be an absolute path, is ${quote(nfs.path)}`);
  }
  if (persistentVolumeClaim)
    required(report, `${path}.persistentVolumeClaim.claimName`, persistentVolumeClaim.claimName);
}

interface Projected {
  readonly defaultMode?: number | undefined;
  readonly defaultUser?: number | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
}

function modeAndItems(report: Report, path: string, given: Projected): void {
  fileMode(report, `${path}.defaultMode`, given.defaultMode);
  id(report, `${path}.defaultUser`, given.defaultUser);
  for (const [index, item] of (given.items ?? []).entries()) keyItem(report, `${path}.items[${index}]`, item);
}

function keyItem(report: Report, path: string, item: KeyToPath): void {
  required(report, `${path}.key`, item.key);
  filePath(report, `${path}.path`, item.path);
  fileMode(report, `${path}.mode`, item.mode);
  id(report, `${path}.user`, item.user);
}

function downwardItem(report: Report, path: string, item: DownwardAPIVolumeFile): void {
  filePath(report, `${path}.path`, item.path);
  fileMode(report, `${path}.mode`, item.mode);
  id(report, `${path}.user`, item.user);
  if (item.fieldRef && item.resourceFieldRef) report(path, "must have one of fieldRef and resourceFieldRef, has both");
  if (item.fieldRef) validateFieldRef(report, `${path}.fieldRef`, item.fieldRef, VOLUME_FIELDS);
  else if (!item.resourceFieldRef) report(path, "must have one of fieldRef and resourceFieldRef");
  else {
    required(report, `${path}.resourceFieldRef.containerName`, item.resourceFieldRef.containerName);
    validateResourceFieldRef(report, `${path}.resourceFieldRef`, item.resourceFieldRef);
  }
}

function projection(report: Report, path: string, given: ProjectedVolumeSource): void {
  fileMode(report, `${path}.defaultMode`, given.defaultMode);
  id(report, `${path}.defaultUser`, given.defaultUser);
  const files: { readonly name: string; readonly at: string }[] = [];
  for (const [index, part] of (given.sources ?? []).entries()) {
    const at = `${path}.sources[${index}]`;
    const kinds = PROJECTIONS.filter((kind) => part[kind] !== undefined);
    if (kinds.length !== 1)
      report(at, `must have one of ${PROJECTIONS.join(", ")}${kinds.length > 1 ? `, has ${kinds.join(" and ")}` : ""}`);
    for (const kind of ["secret", "configMap"] as const) {
      const object = part[kind];
      if (!object) continue;
      required(report, `${at}.${kind}.name`, object.name);
      for (const [place, item] of (object.items ?? []).entries()) {
        keyItem(report, `${at}.${kind}.items[${place}]`, item);
        files.push({ name: item.path, at: `${at}.${kind}.items[${place}].path` });
      }
    }
    for (const [place, item] of (part.downwardAPI?.items ?? []).entries()) {
      downwardItem(report, `${at}.downwardAPI.items[${place}]`, item);
      files.push({ name: item.path, at: `${at}.downwardAPI.items[${place}].path` });
    }
    const token = part.serviceAccountToken;
    if (!token) continue;
    filePath(report, `${at}.serviceAccountToken.path`, token.path);
    const seconds = token.expirationSeconds ?? 3600;
    if (seconds < 600 || seconds > 2 ** 32)
      report(`${at}.serviceAccountToken.expirationSeconds`, `must be from 600 to 2^32, is ${seconds}`);
  }
  unique(
    report,
    files.map(({ name }) => name),
    (index) => files[index]?.at ?? path,
  );
}

/** A path below the volume that none of the kubelet's own (`..data`) can meet. */
function filePath(report: Report, field: string, value: string): void {
  required(report, field, value);
  descendingPath(report, field, value);
  if (/^\.\.[^/]/.test(value)) report(field, `must not begin with "..", is ${quote(value)}`);
}
