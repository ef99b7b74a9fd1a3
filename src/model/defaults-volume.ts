import { pullPolicyFor } from "./image-name.ts";
import type { DownwardAPIVolumeFile, Volume, VolumeProjection } from "./kubernetes.ts";
import { defined, orElse } from "./object.ts";
import { roundToMillis } from "./quantity.ts";

const FILE_MODE = 0o644;
const HOUR_SECONDS = 3600;

/** A volume without a source is an emptyDir. */
export function defaultVolume(volume: Volume): Volume {
  const { hostPath, secret, configMap, downwardAPI, projected, image, iscsi, rbd, azureDisk, scaleIO } = volume;
  const hasSource = Object.entries(volume).some(([field, value]) => field !== "name" && value !== undefined);
  return defined({
    ...volume,
    emptyDir: hasSource ? volume.emptyDir : {},
    hostPath: hostPath && { ...hostPath, type: hostPath.type ?? "" },
    secret: secret && { ...secret, defaultMode: secret.defaultMode ?? FILE_MODE },
    configMap: configMap && { ...configMap, defaultMode: configMap.defaultMode ?? FILE_MODE },
    downwardAPI:
      downwardAPI &&
      defined({
        ...downwardAPI,
        defaultMode: downwardAPI.defaultMode ?? FILE_MODE,
        items: downwardAPI.items?.map(defaultItem),
      }),
    projected:
      projected &&
      defined({
        ...projected,
        defaultMode: projected.defaultMode ?? FILE_MODE,
        sources: projected.sources?.map(defaultProjection),
      }),
    image: image && { ...image, pullPolicy: orElse(image.pullPolicy, pullPolicyFor(image.reference ?? "")) },
    iscsi: iscsi && { ...iscsi, iscsiInterface: orElse(iscsi.iscsiInterface, "default") },
    rbd: rbd && {
      ...rbd,
      pool: orElse(rbd.pool, "rbd"),
      user: orElse(rbd.user, "admin"),
      keyring: orElse(rbd.keyring, "/etc/ceph/keyring"),
    },
    azureDisk: azureDisk && {
      ...azureDisk,
      cachingMode: azureDisk.cachingMode ?? "ReadWrite",
      fsType: azureDisk.fsType ?? "ext4",
      readOnly: azureDisk.readOnly ?? false,
      kind: azureDisk.kind ?? "Shared",
    },
    scaleIO: scaleIO && {
      ...scaleIO,
      storageMode: orElse(scaleIO.storageMode, "ThinProvisioned"),
      fsType: orElse(scaleIO.fsType, "xfs"),
    },
  });
}

/** Quantities of a resource list keep thousandths and round up what is finer. */
export const roundedList = (list: { readonly [key: string]: string }): { readonly [key: string]: string } =>
  Object.fromEntries(Object.entries(list).map(([resource, quantity]) => [resource, roundToMillis(quantity)]));

function defaultProjection(source: VolumeProjection): VolumeProjection {
  const { downwardAPI, serviceAccountToken } = source;
  return defined({
    ...source,
    downwardAPI: downwardAPI && defined({ ...downwardAPI, items: downwardAPI.items?.map(defaultItem) }),
    serviceAccountToken: serviceAccountToken && {
      ...serviceAccountToken,
      expirationSeconds: serviceAccountToken.expirationSeconds ?? HOUR_SECONDS,
    },
  });
}

const defaultItem = (item: DownwardAPIVolumeFile): DownwardAPIVolumeFile =>
  item.fieldRef
    ? { ...item, fieldRef: { ...item.fieldRef, apiVersion: orElse(item.fieldRef.apiVersion, "v1") } }
    : item;
