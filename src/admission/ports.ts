import type { ContainerPort, Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, isSidecar } from "../model/pod.ts";

/** Whether another pod holds a host port of this one, on an overlapping address. */
export function hasTakenPort(pod: Pod, others: readonly Pod[]): boolean {
  const own = hostPorts(pod);
  return (
    own.length > 0 && others.some((other) => hostPorts(other).some((held) => own.some((port) => clash(port, held))))
  );
}

function clash(a: ContainerPort, b: ContainerPort): boolean {
  if (a.hostPort !== b.hostPort || (a.protocol ?? "TCP") !== (b.protocol ?? "TCP")) return false;
  const [one, two] = [a.hostIP || "0.0.0.0", b.hostIP || "0.0.0.0"];
  return one === two || one === "0.0.0.0" || two === "0.0.0.0";
}

/** Of containers that run as long as the pod does. */
const hostPorts = (pod: Pod): readonly ContainerPort[] =>
  [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)]
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort = 0 }) => hostPort > 0);
