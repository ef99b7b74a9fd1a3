import type { Report } from "./check.ts";
import { descendingPath, id, oneOf, quote } from "./check.ts";
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from "./kubernetes.ts";

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const PROFILE_KINDS = ["RuntimeDefault", "Unconfined", "Localhost"];
const IPC_SYSCTL = /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/;

export function validatePodSecurity(report: Report, spec: PodSpec): void {
  const context = spec.securityContext ?? {};
  const path = "spec.securityContext";
  id(report, `${path}.fsGroup`, context.fsGroup);
  id(report, `${path}.runAsUser`, context.runAsUser);
  id(report, `${path}.runAsGroup`, context.runAsGroup);
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    id(report, `${path}.supplementalGroups[${index}]`, group);
  oneOf(report, `${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ["OnRootMismatch", "Always"]);
  oneOf(report, `${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ["Merge", "Strict"]);
  oneOf(report, `${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ["MountOption", "Recursive"]);
  seccomp(report, `${path}.seccompProfile`, context.seccompProfile);
  appArmor(report, `${path}.appArmorProfile`, context.appArmorProfile);
  if (context.windowsOptions) report(`${path}.windowsOptions`, "must not be set: this node runs Linux");
  sysctls(report, `${path}.sysctls`, context, spec);
}

export function validateContainerSecurity(
  report: Report,
  path: string,
  context: SecurityContext | undefined,
  spec: PodSpec,
): void {
  if (!context) return;
  id(report, `${path}.runAsUser`, context.runAsUser);
  id(report, `${path}.runAsGroup`, context.runAsGroup);
  oneOf(report, `${path}.procMount`, context.procMount, ["Default", "Unmasked"]);
  if (context.procMount === "Unmasked" && spec.hostUsers !== false)
    report(`${path}.procMount`, 'must not be "Unmasked" unless spec.hostUsers is false');
  seccomp(report, `${path}.seccompProfile`, context.seccompProfile);
  appArmor(report, `${path}.appArmorProfile`, context.appArmorProfile);
  if (context.windowsOptions) report(`${path}.windowsOptions`, "must not be set: this node runs Linux");
  if (context.allowPrivilegeEscalation !== false) return;
  const at = `${path}.allowPrivilegeEscalation`;
  if (context.privileged === true) report(at, "must not be false while privileged is true");
  if (context.capabilities?.add?.includes("CAP_SYS_ADMIN"))
    report(at, "must not be false while CAP_SYS_ADMIN is added");
}

function seccomp(report: Report, path: string, profile: SeccompProfile | undefined): void {
  if (!profile) return;
  oneOf(report, `${path}.type`, profile.type, PROFILE_KINDS);
  const at = `${path}.localhostProfile`;
  if (profile.type !== "Localhost") {
    if (profile.localhostProfile !== undefined) report(at, 'must not be set unless type is "Localhost"');
  } else if (!profile.localhostProfile) report(at, 'is required where type is "Localhost"');
  else descendingPath(report, at, profile.localhostProfile);
}

function appArmor(report: Report, path: string, profile: AppArmorProfile | undefined): void {
  if (!profile) return;
  oneOf(report, `${path}.type`, profile.type, PROFILE_KINDS);
  const at = `${path}.localhostProfile`;
  const { localhostProfile } = profile;
  if (profile.type !== "Localhost") {
    if (localhostProfile !== undefined) report(at, 'must not be set unless type is "Localhost"');
  } else if (!localhostProfile?.trim()) report(at, 'is required where type is "Localhost"');
  else if (localhostProfile.trim() !== localhostProfile) report(at, "must not begin or end with blanks");
  else if (localhostProfile.length > 4095) report(at, "must have at most 4095 characters");
}

function sysctls(report: Report, path: string, context: PodSecurityContext, spec: PodSpec): void {
  const seen = new Set<string>();
  for (const [index, { name }] of (context.sysctls ?? []).entries()) {
    const at = `${path}[${index}].name`;
    const dotted = name.replaceAll("/", ".");
    if (name === "") report(at, "is required");
    else if (name.length > 253 || !SYSCTL.test(name))
      report(at, `must be a name like net.core.somaxconn, is ${quote(name)}`);
    else if (seen.has(name)) report(at, `must be unique, ${quote(name)} was used before`);
    else if (spec.hostNetwork && dotted.startsWith("net."))
      report(at, "must not be set with hostNetwork: it belongs to the node");
    else if (spec.hostIPC && IPC_SYSCTL.test(dotted))
      report(at, "must not be set with hostIPC: it belongs to the node");
    seen.add(name);
  }
}
