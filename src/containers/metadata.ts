import { containerHash } from "../model/container-hash.ts";
import { goJson } from "../model/go-json.ts";
import type { Container, ContainerPort, LifecycleHandler, Pod } from "../model/kubernetes.ts";
import {
  ANNOTATION_CONTAINER_HASH,
  ANNOTATION_POD_DELETION_GRACE,
  ANNOTATION_POD_GRACE,
  ANNOTATION_PORTS,
  ANNOTATION_PRE_STOP,
  ANNOTATION_RESTART_COUNT,
  ANNOTATION_TERMINATION_PATH,
  ANNOTATION_TERMINATION_POLICY,
  LABEL_CONTAINER_NAME,
  LABEL_POD_NAME,
  LABEL_POD_NAMESPACE,
  LABEL_POD_UID,
} from "../model/names.ts";
import { nameOf, namespaceOf } from "../model/pod.ts";
import type { StringMap } from "../model/runtime.ts";

const identity = (pod: Pod): StringMap => ({
  [LABEL_POD_NAME]: nameOf(pod),
  [LABEL_POD_NAMESPACE]: namespaceOf(pod),
  [LABEL_POD_UID]: pod.metadata?.uid ?? "",
});

/** The pod's own labels and who it is. */
export const sandboxLabels = (pod: Pod): StringMap => ({ ...pod.metadata?.labels, ...identity(pod) });

/** Only who it is: the pod's labels stay with the sandbox. */
export const containerLabels = (pod: Pod, container: Container): StringMap => ({
  ...identity(pod),
  [LABEL_CONTAINER_NAME]: container.name,
});

/** What a kubelet that starts later needs to know of this container, in the Go kubelet's words. */
export function containerAnnotations(pod: Pod, container: Container, attempt: number): StringMap {
  const deletionGrace = pod.metadata?.deletionGracePeriodSeconds;
  const grace = pod.spec?.terminationGracePeriodSeconds;
  const preStop = container.lifecycle?.preStop;
  const ports = container.ports ?? [];
  return {
    [ANNOTATION_CONTAINER_HASH]: containerHash(container),
    [ANNOTATION_RESTART_COUNT]: String(attempt),
    [ANNOTATION_TERMINATION_PATH]: container.terminationMessagePath ?? "",
    [ANNOTATION_TERMINATION_POLICY]: container.terminationMessagePolicy ?? "",
    ...(deletionGrace === undefined ? {} : { [ANNOTATION_POD_DELETION_GRACE]: String(deletionGrace) }),
    ...(grace === undefined ? {} : { [ANNOTATION_POD_GRACE]: String(grace) }),
    ...(preStop ? { [ANNOTATION_PRE_STOP]: goJson(handlerValue(preStop)) } : {}),
    ...(ports.length > 0 ? { [ANNOTATION_PORTS]: goJson(ports.map(portValue)) } : {}),
  };
}

/** Keys in the order of the API's Go types; what is empty is left out there. */
function portValue({ name, hostPort, containerPort, protocol, hostIP }: ContainerPort): object {
  return {
    ...(name ? { name } : {}),
    ...(hostPort ? { hostPort } : {}),
    containerPort,
    ...(protocol ? { protocol } : {}),
    ...(hostIP ? { hostIP } : {}),
  };
}

function handlerValue({ exec, httpGet, tcpSocket, sleep }: LifecycleHandler): object {
  return {
    ...(exec ? { exec: exec.command?.length ? { command: exec.command } : {} } : {}),
    ...(httpGet
      ? {
          httpGet: {
            ...(httpGet.path ? { path: httpGet.path } : {}),
            port: httpGet.port,
            ...(httpGet.host ? { host: httpGet.host } : {}),
            ...(httpGet.scheme ? { scheme: httpGet.scheme } : {}),
            ...(httpGet.httpHeaders?.length
              ? { httpHeaders: httpGet.httpHeaders.map(({ name, value }) => ({ name, value })) }
              : {}),
          },
        }
      : {}),
    ...(tcpSocket ? { tcpSocket: { port: tcpSocket.port, ...(tcpSocket.host ? { host: tcpSocket.host } : {}) } } : {}),
    ...(sleep ? { sleep: { seconds: sleep.seconds } } : {}),
  };
}
