import { isAbsolute } from "node:path";
import { expand } from "../model/expand.ts";
import type { Container, Pod, VolumeMount } from "../model/kubernetes.ts";
import type { MountConfig } from "../model/runtime.ts";
import type { Environment } from "./environment.ts";
import { configError } from "./refuse.ts";

export interface MountContext {
  /** Volume name -> directory or file on the node. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Index in `volumeMounts` -> the prepared path of its sub-path. */
  readonly subPaths: ReadonlyMap<number, string>;
  /** Volumes that nobody may write to, whatever the mount says. */
  readonly readonlyVolumes: ReadonlySet<string>;
  /** undefined: the pod gets no managed /etc/hosts. */
  readonly etcHostsPath: string | undefined;
  /** undefined: the file could not be made; the container runs without it. */
  readonly terminationLogPath: string | undefined;
  readonly seLinux: boolean;
}

/** One sub-path that has to be prepared before its container can be made. */
export interface SubPathRequest {
  /** Place in `volumeMounts`. */
  readonly index: number;
  readonly volume: string;
  /** Relative, without `..`. */
  readonly path: string;
}

/**
 * Sub-paths of a container's mounts with their variables filled in.
 * @throws KubeletError `waiting` for a path that leaves its volume, or a variable without a value
 */
export function subPathsOf(container: Container, env: Environment): readonly SubPathRequest[] {
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const path = subPathOf(mount, env);
    if (path === "") return [];
    if (isAbsolute(path)) throw configError(`error SubPath \`${path}\` must not be an absolute path`);
    if (path.split("/").includes("..")) {
      throw configError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
    }
    return [{ index, volume: mount.name, path }];
  });
}

function subPathOf({ subPath, subPathExpr }: VolumeMount, env: Environment): string {
  if (!subPathExpr) return subPath ?? "";
  const missing = new Set<string>();
  const path = expand(subPathExpr, (name) => {
    const value = env.get(name);
    if (!value) missing.add(name);
    return value ?? "";
  });
  if (missing.size > 0) throw configError(`missing value for ${[...missing].sort().join(", ")}`);
  return path;
}

/**
 * Mounts in the order that upstream gives them: volumes, /etc/hosts, termination log.
 * @throws KubeletError `waiting` for a volume that is not there
 */
export function mountsOf(pod: Pod, container: Container, env: Environment, context: MountContext): MountConfig[] {
  const { etcHostsPath, terminationLogPath, seLinux } = context;
  const wanted = container.volumeMounts ?? [];
  const subPaths = new Set(subPathsOf(container, env).map(({ index }) => index));
  const mounts = wanted.map((mount, index) => volumeMount(pod, container, mount, index, subPaths.has(index), context));
  const own = { readonly: false, seLinuxRelabel: seLinux, propagation: "private" } as const;
  if (etcHostsPath !== undefined && !wanted.some(({ mountPath }) => mountPath === "/etc/hosts")) {
    mounts.push({ ...own, containerPath: "/etc/hosts", hostPath: etcHostsPath });
  }
  const { terminationMessagePath } = container;
  if (terminationLogPath !== undefined && terminationMessagePath) {
    mounts.push({ ...own, containerPath: absolute(terminationMessagePath), hostPath: terminationLogPath });
  }
  return mounts;
}

function volumeMount(
  pod: Pod,
  container: Container,
  mount: VolumeMount,
  index: number,
  hasSubPath: boolean,
  context: MountContext,
): MountConfig {
  const volume = context.volumes.get(mount.name);
  if (volume === undefined) {
    throw configError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
  }
  const hostPath = hasSubPath ? context.subPaths.get(index) : volume;
  if (hostPath === undefined) {
    throw configError(`failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}"`);
  }
  if (mount.recursiveReadOnly === "Enabled") {
    throw configError(
      `failed to resolve recursive read-only mode: volumeMount "${mount.name}" wants recursiveReadOnly, which this node does not support`,
    );
  }
  return {
    containerPath: absolute(mount.mountPath),
    hostPath,
    readonly: (mount.readOnly ?? false) || context.readonlyVolumes.has(mount.name),
    // Directories of the node itself keep their label; only what was made for the pod is its own.
    seLinuxRelabel: context.seLinux && isManaged(pod, mount.name),
    propagation: propagationOf(mount),
  };
}

function propagationOf({ mountPropagation = "None" }: VolumeMount): MountConfig["propagation"] {
  switch (mountPropagation) {
    case "None":
      return "private";
    case "HostToContainer":
      return "host-to-container";
    case "Bidirectional":
      return "bidirectional";
    default:
      throw configError(`invalid MountPropagation mode: "${mountPropagation}"`);
  }
}

const isManaged = (pod: Pod, name: string): boolean =>
  pod.spec?.volumes?.find((volume) => volume.name === name)?.hostPath === undefined;

const absolute = (path: string): string => (isAbsolute(path) ? path : `/${path}`);
