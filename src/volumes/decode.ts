import type { Problem } from "../base/fault.ts";
import { HOST_PATH_TYPES, type HostPathType } from "../model/host-path.ts";
import type {
  EmptyDirVolumeSource,
  HostPathVolumeSource,
  Pod,
  ProjectedVolumeSource,
  VolumeProjection,
  Volume as VolumeSpec,
} from "../model/kubernetes.ts";
import { volumesOf } from "../model/pod.ts";
import { quantityUnits } from "../model/quantity.ts";
import type { Volume } from "./plugin.ts";

/** Volumes of a pod that this node can't mount, by field path: the pod is not admitted with them. */
export const unsupportedVolumes = (pod: Pod): readonly Problem[] =>
  volumesOf(pod).flatMap((spec, index) => {
    const decoded = decodeVolume(spec);
    return "kind" in decoded ? [] : [{ field: `spec.volumes[${index}].${decoded.field}`, message: decoded.message }];
  });

/** The volume in our terms, or why not. One without any source is an emptyDir, as everywhere in Kubernetes. */
export function decodeVolume(spec: VolumeSpec): Volume | Problem {
  const { name, emptyDir, hostPath, configMap, secret, downwardAPI, projected, ...others } = spec;
  const [other] = Object.entries(others).filter(([, source]) => source !== undefined && source !== null);
  if (other !== undefined) {
    const message = `volume "${name}": kind "${other[0]}" is not supported yet; this node mounts ${MOUNTED}`;
    return { field: other[0], message };
  }
  if (hostPath) return decodeHostPath(name, hostPath);
  if (configMap) return { kind: "configMap", name, source: configMap };
  if (secret) return { kind: "secret", name, source: secret };
  if (downwardAPI) return { kind: "downwardAPI", name, source: downwardAPI };
  if (projected) return decodeProjected(name, projected);
  return decodeEmptyDir(name, emptyDir ?? {});
}

const MOUNTED = "emptyDir, hostPath, configMap, secret, downwardAPI and projected";
const PROJECTED: readonly (keyof VolumeProjection)[] = ["configMap", "secret", "downwardAPI", "serviceAccountToken"];

function decodeProjected(name: string, source: ProjectedVolumeSource): Volume | Problem {
  for (const [index, part] of (source.sources ?? []).entries()) {
    const [unknown] = Object.entries(part)
      .filter(([kind, value]) => value !== undefined && value !== null && !PROJECTED.some((known) => known === kind))
      .map(([kind]) => kind);
    if (unknown === undefined) continue;
    const message = `volume "${name}": source "${unknown}" is not supported yet; this node projects ${PROJECTED.join(", ")}`;
    return { field: `projected.sources[${index}].${unknown}`, message };
  }
  return { kind: "projected", name, source };
}

function decodeEmptyDir(name: string, { medium = "", sizeLimit }: EmptyDirVolumeSource): Volume | Problem {
  const limit = sizeLimit === undefined ? undefined : quantityUnits(sizeLimit);
  if (medium === "") return { kind: "emptyDir", name, medium: "disk", sizeLimit: limit };
  if (medium === "Memory") return { kind: "emptyDir", name, medium: "memory", sizeLimit: limit };
  const known = medium === "HugePages" || medium.startsWith("HugePages-");
  const why = known ? "is not supported yet; use Memory or leave it out" : 'is unknown; need "" or Memory';
  return { field: "emptyDir.medium", message: `volume "${name}": medium "${medium}" ${why}` };
}

function decodeHostPath(name: string, { path, type = "" }: HostPathVolumeSource): Volume | Problem {
  if (isHostPathType(type)) return { kind: "hostPath", name, path, type };
  const wanted = HOST_PATH_TYPES.filter(Boolean).join(", ");
  return {
    field: "hostPath.type",
    message: `volume "${name}": "${type}" is an invalid volume type; need one of ${wanted}`,
  };
}

const isHostPathType = (type: string): type is HostPathType => HOST_PATH_TYPES.some((known) => known === type);
