import { join } from "node:path";
import type { Container, Pod, SeccompProfile, SecurityContext } from "../model/kubernetes.ts";
import { annotationOf, sharesProcessNamespace, usesHostIpc, usesHostNetwork, usesHostPid } from "../model/pod.ts";
import type { NamespaceOptions, SELinuxOptions, SecurityProfile } from "../model/runtime.ts";
import { configError } from "./refuse.ts";

const MASKED_PATHS = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** What of the kernel a container must not see or change. `more`: this machine's own paths to mask. */
export function protectedPaths(
  procMount: string | undefined,
  more: readonly string[],
): { readonly masked: readonly string[]; readonly readonly: readonly string[] } {
  if (procMount === "Unmasked") return { masked: [], readonly: [] };
  return { masked: [...MASKED_PATHS, ...more], readonly: READONLY_PATHS };
}

/** `targetId`: whose processes an ephemeral container is to see, where it does not see all of the pod's anyway. */
export function namespacesOf(pod: Pod, targetId?: string): NamespaceOptions {
  const own = sharesProcessNamespace(pod) ? "pod" : "container";
  const pid = usesHostPid(pod) ? "node" : own;
  return {
    network: usesHostNetwork(pod) ? "node" : "pod",
    ipc: usesHostIpc(pod) ? "node" : "pod",
    ...(pid === "container" && targetId !== undefined ? { pid: "target", targetId } : { pid }),
  };
}

/** The container's security context where it says something, else the pod's, field by field. */
export function effectiveSecurity(pod: Pod, container: Container): SecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions } = pod.spec?.securityContext ?? {};
  const own = Object.entries(container.securityContext ?? {}).filter(([, value]) => value !== undefined);
  return { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions, ...Object.fromEntries(own) };
}

/**
 * The container's seccomp profile, else the pod's, else the node's default.
 * @throws KubeletError `waiting` for a local profile without a file name
 */
export function seccompOf(
  pod: Pod,
  container: Container,
  node: { readonly rootDir: string; readonly seccompDefault: boolean },
): SecurityProfile {
  const profile: SeccompProfile | undefined =
    container.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile;
  if (!profile) return { kind: node.seccompDefault ? "runtime-default" : "unconfined" };
  if (profile.type === "RuntimeDefault") return { kind: "runtime-default" };
  if (profile.type !== "Localhost") return { kind: "unconfined" };
  if (!profile.localhostProfile) {
    throw configError("localhostProfile must be set if seccompProfile type is Localhost.");
  }
  return { kind: "localhost", localhostRef: join(node.rootDir, "seccomp", profile.localhostProfile) };
}

/**
 * AppArmor profile: the container's field, the old annotation, the pod's field.
 * @throws KubeletError `waiting` for a local profile without a name
 */
export function appArmorOf(pod: Pod, container: Container): SecurityProfile | undefined {
  const own = container.securityContext?.appArmorProfile;
  const annotated = annotationOf(pod, `container.apparmor.security.beta.kubernetes.io/${container.name}`);
  if (!own && annotated !== undefined) {
    if (annotated === "runtime/default") return { kind: "runtime-default" };
    if (annotated === "unconfined") return { kind: "unconfined" };
    if (annotated.startsWith("localhost/")) return { kind: "localhost", localhostRef: annotated.slice(10) };
  }
  const profile = own ?? pod.spec?.securityContext?.appArmorProfile;
  if (!profile) return undefined;
  switch (profile.type) {
    case "RuntimeDefault":
      return { kind: "runtime-default" };
    case "Unconfined":
      return { kind: "unconfined" };
    case "Localhost":
      if (!profile.localhostProfile) throw configError("missing localhost apparmor profile name");
      return { kind: "localhost", localhostRef: profile.localhostProfile };
    default:
      throw configError(`unknown apparmor profile type: "${profile.type}"`);
  }
}

export const seLinuxOf = (options: SecurityContext["seLinuxOptions"]): SELinuxOptions | undefined =>
  options && {
    user: options.user ?? "",
    role: options.role ?? "",
    type: options.type ?? "",
    level: options.level ?? "",
  };

/** @throws KubeletError `waiting` for a policy that does not exist */
export function groupsPolicyOf(pod: Pod): "Merge" | "Strict" {
  const policy = pod.spec?.securityContext?.supplementalGroupsPolicy ?? "Merge";
  if (policy === "Merge" || policy === "Strict") return policy;
  throw configError(`unsupported supplementalGroupsPolicy: ${policy}`);
}
