import { Expansion } from "../model/expand.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { containerLogPath } from "../model/names.ts";
import type { ContainerConfig, LinuxResources } from "../model/runtime.ts";
import { type EnvironmentContext, environment } from "./environment.ts";
import { containerAnnotations, containerLabels } from "./metadata.ts";
import { type MountContext, mountsOf } from "./mounts.ts";
import {
  appArmorOf,
  effectiveSecurity,
  groupsPolicyOf,
  namespacesOf,
  protectedPaths,
  seccompOf,
  seLinuxOf,
} from "./security.ts";
import { type ImageUser, userOf } from "./user.ts";

/** What a container needs to know beside its pod, all of it resolved. */
export interface ContainerContext extends MountContext, EnvironmentContext {
  /** Restart count. */
  readonly attempt: number;
  /** Container whose processes an ephemeral container is to see. */
  readonly targetId?: string | undefined;
  /** What the image service gave back. */
  readonly imageRef: string;
  readonly imageUser: ImageUser;
  readonly resources: LinuxResources;
  readonly rootDir: string;
  readonly seccompDefault: boolean;
  /** Paths of this machine to hide beside the usual ones (thermal throttling counters of each CPU). */
  readonly maskedPaths: readonly string[];
  /** Groups that volumes ask for. */
  readonly volumeGroups?: readonly number[];
}

/**
 * What the runtime is told of one container.
 * @throws KubeletError `waiting` (CreateContainerConfigError) with what in the spec or on the node is in the way
 */
export function containerConfig(pod: Pod, container: Container, context: ContainerContext): ContainerConfig {
  const env = environment(pod, container, context);
  const expansion = new Expansion();
  const filled = (text: string) => expansion.expand(text, (name) => env.get(name));
  return {
    name: container.name,
    attempt: context.attempt,
    image: context.imageRef,
    userSpecifiedImage: container.image ?? "",
    command: (container.command ?? []).map(filled),
    args: (container.args ?? []).map(filled),
    workingDir: container.workingDir ?? "",
    envs: [...env].map(([key, value]) => ({ key, value })),
    mounts: mountsOf(pod, container, env, context),
    devices: [],
    labels: containerLabels(pod, container),
    annotations: containerAnnotations(pod, container, context.attempt),
    logPath: containerLogPath(container.name, context.attempt),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    resources: context.resources,
    security: securityOf(pod, container, context),
  };
}

function securityOf(pod: Pod, container: Container, context: ContainerContext): ContainerConfig["security"] {
  const security = effectiveSecurity(pod, container);
  const { fsGroup, supplementalGroups = [] } = pod.spec?.securityContext ?? {};
  const paths = protectedPaths(security.procMount, context.maskedPaths);
  const appArmor = appArmorOf(pod, container);
  const seLinux = seLinuxOf(security.seLinuxOptions);
  return {
    namespaces: namespacesOf(pod, context.targetId),
    privileged: security.privileged ?? false,
    ...userOf(pod, container, security, context.imageUser),
    ...(security.runAsGroup === undefined ? {} : { runAsGroup: security.runAsGroup }),
    supplementalGroups: [
      ...(fsGroup === undefined ? [] : [fsGroup]),
      ...supplementalGroups,
      ...(context.volumeGroups ?? []),
    ],
    supplementalGroupsPolicy: groupsPolicyOf(pod),
    readonlyRootfs: security.readOnlyRootFilesystem ?? false,
    noNewPrivs: security.allowPrivilegeEscalation === false,
    capabilitiesAdd: security.capabilities?.add ?? [],
    capabilitiesDrop: security.capabilities?.drop ?? [],
    maskedPaths: paths.masked,
    readonlyPaths: paths.readonly,
    seccomp: seccompOf(pod, container, context),
    ...(appArmor ? { appArmor } : {}),
    ...(seLinux ? { seLinux } : {}),
  };
}
