import type { Problem } from "../base/fault.ts";
import type { Container, EphemeralContainer, Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf } from "../model/pod.ts";
import { isExtendedResource } from "../model/pod-resources.ts";

interface Rule<T> {
  /** Below the pod or the container. */
  readonly field: string;
  readonly applies: (value: T) => boolean;
  /** What happens now. */
  readonly message: string;
  /** Only on a node without an API server. */
  readonly standalone?: true;
}
type AnyContainer = Container | EphemeralContainer;

/** Fields that are accepted and do nothing yet. */
const POD_WITHOUT_EFFECT: readonly Rule<Pod>[] = [
  {
    field: "spec.imagePullSecrets",
    applies: ({ spec }) => hasItems(spec?.imagePullSecrets),
    message: "has no effect without an API server: images are pulled with the node's own credentials",
    standalone: true,
  },
];

const CONTAINER_WITHOUT_EFFECT: readonly Rule<AnyContainer>[] = [
  {
    field: "lifecycle.postStart",
    applies: ({ lifecycle }) => lifecycle?.postStart !== undefined,
    message: "has no effect yet: nothing runs after the start",
  },
  {
    field: "lifecycle.preStop",
    applies: ({ lifecycle }) => lifecycle?.preStop !== undefined,
    message: "has no effect yet: the stop signal comes at once",
  },
  {
    field: "lifecycle.stopSignal",
    applies: ({ lifecycle }) => lifecycle?.stopSignal !== undefined,
    message: "has no effect yet: the image's stop signal is used, or SIGTERM",
  },
  {
    field: "resources",
    applies: ({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }).some(isExtendedResource),
    message: "extended resources only count yet: device plugins are not supported, the container gets no devices",
  },
  {
    field: "resources.limits[ephemeral-storage]",
    applies: ({ resources }) => resources?.limits?.["ephemeral-storage"] !== undefined,
    message: "has no effect yet: a container that writes more is not stopped",
  },
];

/** Fields that would make a pod run as something else than it asks for: weaker, or without what it needs. */
const POD_UNSUPPORTED: readonly Rule<Pod>[] = [
  {
    field: "spec.hostUsers",
    applies: ({ spec }) => spec?.hostUsers === false,
    message: "user namespaces are not supported yet: the pod would run with the node's users",
  },
  {
    field: "spec.os.name",
    applies: ({ spec }) => spec?.os !== undefined && spec.os.name !== "linux",
    message: "this node runs linux only",
  },
  {
    field: "spec.runtimeClassName",
    applies: ({ spec }) => (spec?.runtimeClassName ?? "") !== "",
    message: "runtime classes need an API server: the pod would run with the default runtime",
    standalone: true,
  },
  {
    field: "spec.resourceClaims",
    applies: ({ spec }) => hasItems(spec?.resourceClaims),
    message: "resource claims are not supported yet: the pod would run without its devices",
  },
];

const CONTAINER_UNSUPPORTED: readonly Rule<AnyContainer>[] = [
  {
    field: "volumeDevices",
    applies: ({ volumeDevices }) => hasItems(volumeDevices),
    message: "block volumes are not supported yet",
  },
  {
    field: "resources.claims",
    applies: ({ resources }) => hasItems(resources?.claims),
    message: "resource claims are not supported yet: the container would run without its devices",
  },
  {
    field: "volumeMounts",
    applies: ({ volumeMounts = [] }) => volumeMounts.some(({ recursiveReadOnly }) => recursiveReadOnly === "Enabled"),
    message: "recursiveReadOnly: Enabled is not supported yet: mounts below it would stay writable",
  },
  {
    field: "env",
    applies: ({ env = [] }) => env.some(({ valueFrom }) => valueFrom?.fileKeyRef && !valueFrom.fileKeyRef.optional),
    message: "fileKeyRef is not supported yet: the variable would be missing",
  },
];

/** Fields of the pod that are accepted and do nothing yet, each with what happens instead. For one warning. */
export const fieldsWithoutEffect = (pod: Pod, hasApi: boolean): readonly Problem[] =>
  problems(pod, hasApi, POD_WITHOUT_EFFECT, CONTAINER_WITHOUT_EFFECT);

/** Fields for which the pod must not run on this node. */
export const unsupportedFields = (pod: Pod, hasApi: boolean): readonly Problem[] =>
  problems(pod, hasApi, POD_UNSUPPORTED, CONTAINER_UNSUPPORTED);

function problems(
  pod: Pod,
  hasApi: boolean,
  podRules: readonly Rule<Pod>[],
  containerRules: readonly Rule<AnyContainer>[],
): readonly Problem[] {
  const lists = { initContainers: initContainersOf(pod), containers: containersOf(pod) };
  return [
    ...podRules
      .filter(({ applies, standalone }) => applies(pod) && !(hasApi && standalone))
      .map(({ field, message }) => ({ field, message })),
    ...Object.entries(lists).flatMap(([list, containers]) =>
      containers.flatMap((container, index) =>
        containerRules
          .filter(({ applies }) => applies(container))
          .map(({ field, message }) => ({ field: `spec.${list}[${index}].${field}`, message })),
      ),
    ),
  ];
}

const hasItems = (list: readonly unknown[] | undefined): boolean => (list?.length ?? 0) > 0;
