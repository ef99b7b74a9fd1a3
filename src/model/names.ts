import { join } from "node:path";

/** Labels of sandboxes and containers in the runtime. */
export const LABEL_POD_NAME = "io.kubernetes.pod.name";
export const LABEL_POD_NAMESPACE = "io.kubernetes.pod.namespace";
export const LABEL_POD_UID = "io.kubernetes.pod.uid";
export const LABEL_CONTAINER_NAME = "io.kubernetes.container.name";

/** Annotations of containers in the runtime. */
export const ANNOTATION_CONTAINER_HASH = "io.kubernetes.container.hash";
export const ANNOTATION_RESTART_COUNT = "io.kubernetes.container.restartCount";
export const ANNOTATION_TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath";
export const ANNOTATION_TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy";
export const ANNOTATION_PRE_STOP = "io.kubernetes.container.preStopHandler";
export const ANNOTATION_PORTS = "io.kubernetes.container.ports";
export const ANNOTATION_POD_GRACE = "io.kubernetes.pod.terminationGracePeriod";
export const ANNOTATION_POD_DELETION_GRACE = "io.kubernetes.pod.deletionGracePeriod";

/** Annotations that the node puts on pods. */
export const ANNOTATION_CONFIG_SOURCE = "kubernetes.io/config.source";
export const ANNOTATION_CONFIG_SEEN = "kubernetes.io/config.seen";
export const ANNOTATION_CONFIG_HASH = "kubernetes.io/config.hash";
export const ANNOTATION_CONFIG_MIRROR = "kubernetes.io/config.mirror";

/** Who a pod is, where directories are made from it. */
export interface PodName {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** Longest name of one file on Linux. */
const NAME_MAX = 255;

/** `<podLogsDir>/<namespace>_<name>_<uid>`: what the runtime gets as log directory. */
export const podLogDirectory = (podLogsDir: string, { namespace, name, uid }: PodName): string =>
  join(podLogsDir, `${namespace}_${name}_${uid}`);

/** The reverse of podLogDirectory's last part; undefined where the name isn't one. None of the three parts can hold `_`. */
export function parsePodLogDirectoryName(directory: string): PodName | undefined {
  const [namespace, name, uid, ...rest] = directory.split("_");
  if (!namespace || !name || !uid || rest.length > 0) return undefined;
  return { namespace, name, uid };
}

/** Log file of one container instance, relative to its pod's log directory. */
export const containerLogPath = (container: string, attempt: number): string => `${container}/${attempt}.log`;

/** `<directory>/<pod>_<namespace>_<container>-<id>.log`, cut to what a file name may hold; log shippers look there. */
export function containerLogLink(directory: string, pod: Omit<PodName, "uid">, container: string, id: string): string {
  const suffix = ".log";
  const base = `${pod.name}_${pod.namespace}_${container}-${id}`;
  return join(directory, base.slice(0, NAME_MAX - suffix.length) + suffix);
}

export const podsDirectory = (root: string): string => join(root, "pods");
export const podDirectory = (root: string, uid: string): string => join(podsDirectory(root), uid);
export const podVolumesDirectory = (root: string, uid: string): string => join(podDirectory(root, uid), "volumes");
export const podPluginsDirectory = (root: string, uid: string): string => join(podDirectory(root, uid), "plugins");
export const podSubPathsDirectory = (root: string, uid: string): string =>
  join(podDirectory(root, uid), "volume-subpaths");
export const podEtcHostsPath = (root: string, uid: string): string => join(podDirectory(root, uid), "etc-hosts");
export const containerDirectory = (root: string, uid: string, container: string): string =>
  join(podDirectory(root, uid), "containers", container);

/** `volumes/kubernetes.io~<kind>/<name>`; `kind` in the plugin's words: `empty-dir`, `configmap`, `secret`, `projected`, … */
export const volumeDirectory = (root: string, uid: string, kind: string, volume: string): string =>
  join(podVolumesDirectory(root, uid), `kubernetes.io~${kind}`, volume);
