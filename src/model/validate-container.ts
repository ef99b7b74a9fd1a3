import type { Report } from "./check.ts";
import {
  descendingPath,
  dnsLabel,
  noBacksteps,
  oneOf,
  portName,
  portNumber,
  quote,
  required,
  unique,
} from "./check.ts";
import type { Container, PodSpec, VolumeMount } from "./kubernetes.ts";
import { isPrivileged, isSidecar } from "./pod.ts";
import { validateEnv } from "./validate-env.ts";
import { refuseProbesAndHooks, validateProbesAndHooks } from "./validate-probe.ts";
import { validateContainerResources } from "./validate-resources.ts";
import { validateContainerSecurity } from "./validate-security.ts";

const POLICIES = ["Always", "OnFailure", "Never"];

export function validateContainers(report: Report, spec: PodSpec): void {
  const { containers = [], initContainers = [] } = spec;
  if (containers.length === 0) report("spec.containers", "must have at least one container");
  for (const [index, container] of containers.entries()) {
    const path = `spec.containers[${index}]`;
    validateCommon(report, path, container, spec);
    validateProbesAndHooks(report, path, container, spec);
  }
  for (const [index, container] of initContainers.entries()) {
    const path = `spec.initContainers[${index}]`;
    validateCommon(report, path, container, spec);
    if (isSidecar(container)) validateProbesAndHooks(report, path, container, spec);
    else refuseProbesAndHooks(report, path, container);
    hostPorts(report, [container], () => path);
  }
  hostPorts(report, containers, (index) => `spec.containers[${index}]`);
  const named = [...containers, ...initContainers];
  unique(
    report,
    named.map(({ name }) => name),
    (index) =>
      index < containers.length
        ? `spec.containers[${index}].name`
        : `spec.initContainers[${index - containers.length}].name`,
  );
}

function validateCommon(report: Report, path: string, container: Container, spec: PodSpec): void {
  dnsLabel(report, `${path}.name`, container.name);
  const image = container.image ?? "";
  required(report, `${path}.image`, image);
  if (image !== image.trim()) report(`${path}.image`, `must not begin or end with blanks, is ${quote(image)}`);
  oneOf(report, `${path}.imagePullPolicy`, container.imagePullPolicy, ["Always", "IfNotPresent", "Never"]);
  oneOf(report, `${path}.terminationMessagePolicy`, container.terminationMessagePolicy, [
    "File",
    "FallbackToLogsOnError",
  ]);
  ports(report, path, container, spec);
  validateEnv(report, path, container, spec);
  mounts(report, `${path}.volumeMounts`, container, spec);
  devices(report, `${path}.volumeDevices`, container, spec);
  validateContainerResources(report, `${path}.resources`, container, spec);
  validateContainerSecurity(report, `${path}.securityContext`, container.securityContext, spec);
  restartRules(report, path, container);
  resizePolicy(report, `${path}.resizePolicy`, container, spec);
}

function ports(report: Report, path: string, container: Container, spec: PodSpec): void {
  const given = container.ports ?? [];
  unique(
    report,
    given.map(({ name = "" }) => name),
    (index) => `${path}.ports[${index}].name`,
  );
  for (const [index, port] of given.entries()) {
    const at = `${path}.ports[${index}]`;
    if (port.name !== undefined && port.name !== "") portName(report, `${at}.name`, port.name);
    portNumber(report, `${at}.containerPort`, port.containerPort);
    if (port.hostPort) portNumber(report, `${at}.hostPort`, port.hostPort);
    if (spec.hostNetwork && (port.hostPort ?? 0) !== port.containerPort)
      report(
        `${at}.hostPort`,
        `must equal containerPort (${port.containerPort}) with hostNetwork, is ${port.hostPort ?? 0}`,
      );
    oneOf(report, `${at}.protocol`, port.protocol, ["TCP", "UDP", "SCTP"]);
  }
}

function hostPorts(report: Report, containers: readonly Container[], path: (index: number) => string): void {
  const used = containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, place) =>
      port.hostPort
        ? [
            {
              key: `${port.protocol ?? "TCP"} ${port.hostIP ?? ""}:${port.hostPort}`,
              at: `${path(index)}.ports[${place}].hostPort`,
            },
          ]
        : [],
    ),
  );
  unique(
    report,
    used.map(({ key }) => key),
    (index) => used[index]?.at ?? "",
  );
}

function mounts(report: Report, path: string, container: Container, spec: PodSpec): void {
  const given = container.volumeMounts ?? [];
  unique(
    report,
    given.map(({ mountPath }) => mountPath),
    (index) => `${path}[${index}].mountPath`,
  );
  for (const [index, mount] of given.entries()) {
    const at = `${path}[${index}]`;
    volumeName(report, `${at}.name`, mount.name, spec);
    required(report, `${at}.mountPath`, mount.mountPath);
    if (mount.subPath) descendingPath(report, `${at}.subPath`, mount.subPath);
    if (mount.subPathExpr) descendingPath(report, `${at}.subPathExpr`, mount.subPathExpr);
    if (mount.subPath && mount.subPathExpr) report(`${at}.subPathExpr`, "must not be set beside subPath: keep one");
    propagation(report, at, mount, container);
  }
}

function propagation(report: Report, path: string, mount: VolumeMount, container: Container): void {
  oneOf(report, `${path}.mountPropagation`, mount.mountPropagation, ["None", "HostToContainer", "Bidirectional"]);
  if (mount.mountPropagation === "Bidirectional" && !isPrivileged(container))
    report(`${path}.mountPropagation`, 'must not be "Bidirectional" unless the container is privileged');
  const { recursiveReadOnly } = mount;
  oneOf(report, `${path}.recursiveReadOnly`, recursiveReadOnly, ["Disabled", "IfPossible", "Enabled"]);
  if (recursiveReadOnly === undefined || recursiveReadOnly === "Disabled") return;
  if (!mount.readOnly) report(`${path}.recursiveReadOnly`, "must not be set unless readOnly is true");
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== "None")
    report(`${path}.recursiveReadOnly`, 'must not be set unless mountPropagation is "None"');
}

function devices(report: Report, path: string, container: Container, spec: PodSpec): void {
  const given = container.volumeDevices ?? [];
  unique(
    report,
    given.map(({ devicePath }) => devicePath),
    (index) => `${path}[${index}].devicePath`,
  );
  unique(
    report,
    given.map(({ name }) => name),
    (index) => `${path}[${index}].name`,
  );
  for (const [index, device] of given.entries()) {
    const at = `${path}[${index}]`;
    volumeName(report, `${at}.name`, device.name, spec);
    required(report, `${at}.devicePath`, device.devicePath);
    noBacksteps(report, `${at}.devicePath`, device.devicePath);
    const volume = spec.volumes?.find(({ name }) => name === device.name);
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral)
      report(`${at}.name`, "must name a volume of kind persistentVolumeClaim or ephemeral");
    if (container.volumeMounts?.some(({ name, mountPath }) => name === device.name || mountPath === device.devicePath))
      report(at, "must share neither name nor path with volumeMounts");
  }
}

function volumeName(report: Report, field: string, name: string, spec: PodSpec): void {
  const names = (spec.volumes ?? []).map((volume) => volume.name);
  if (name === "") report(field, "is required");
  else if (!names.includes(name))
    report(
      field,
      `must name one of spec.volumes (${names.length === 0 ? "there are none" : names.join(", ")}), is ${quote(name)}`,
    );
}

function restartRules(report: Report, path: string, container: Container): void {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  oneOf(report, `${path}.restartPolicy`, restartPolicy, POLICIES);
  if (rules.length > 0 && restartPolicy === undefined)
    report(`${path}.restartPolicy`, "is required beside restartPolicyRules");
  if (rules.length > 20) report(`${path}.restartPolicyRules`, `must have at most 20 rules, has ${rules.length}`);
  for (const [index, { action, exitCodes }] of rules.entries()) {
    const at = `${path}.restartPolicyRules[${index}]`;
    oneOf(report, `${at}.action`, action, ["Restart", "RestartAllContainers"]);
    if (!exitCodes) report(`${at}.exitCodes`, "is required");
    else {
      oneOf(report, `${at}.exitCodes.operator`, exitCodes.operator, ["In", "NotIn"]);
      const count = exitCodes.values?.length ?? 0;
      if (count > 255) report(`${at}.exitCodes.values`, `must have at most 255 values, has ${count}`);
    }
  }
}

function resizePolicy(report: Report, path: string, container: Container, spec: PodSpec): void {
  const given = container.resizePolicy ?? [];
  unique(
    report,
    given.map(({ resourceName }) => resourceName),
    (index) => `${path}[${index}].resourceName`,
  );
  for (const [index, { resourceName, restartPolicy }] of given.entries()) {
    const at = `${path}[${index}]`;
    oneOf(report, `${at}.resourceName`, resourceName, ["cpu", "memory"]);
    oneOf(report, `${at}.restartPolicy`, restartPolicy, ["NotRequired", "RestartContainer"]);
    if (spec.restartPolicy === "Never" && restartPolicy === "RestartContainer")
      report(`${at}.restartPolicy`, 'must be "NotRequired" where the pod\'s restartPolicy is "Never"');
  }
}
