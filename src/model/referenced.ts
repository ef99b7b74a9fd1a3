import type { ConfigMap, EphemeralContainer, Pod, Secret } from "./kubernetes.ts";
import { allContainersOf, specOf, volumesOf } from "./pod.ts";

/** Kinds of objects that a pod names and that its node reads for it. */
export interface ReferencedObject {
  readonly ConfigMap: ConfigMap;
  readonly Secret: Secret;
}
export type ReferenceKind = keyof ReferencedObject;

/** One object, in the namespace of the pod that names it. */
export interface Reference {
  readonly kind: ReferenceKind;
  readonly name: string;
}

/** Every ConfigMap and Secret that the pod names where this node reads it, each once. Empty names, which the API lets through, name nothing. */
export function referencesOf(pod: Pod): readonly Reference[] {
  const all = [
    ...(specOf(pod).imagePullSecrets ?? []).map(({ name }) => reference("Secret", name)),
    ...allContainersOf(pod).flatMap(containerReferences),
    ...volumeReferences(pod),
  ];
  const named = all.flatMap((one) => (one ? [[`${one.kind}/${one.name}`, one] as const] : []));
  return [...new Map(named).values()];
}

/** What the variables of a container come from. */
export function containerReferences({ env, envFrom }: Pick<EphemeralContainer, "env" | "envFrom">) {
  return [
    ...(envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
      reference("ConfigMap", configMapRef?.name),
      reference("Secret", secretRef?.name),
    ]),
    ...(env ?? []).flatMap(({ valueFrom }) => [
      reference("ConfigMap", valueFrom?.configMapKeyRef?.name),
      reference("Secret", valueFrom?.secretKeyRef?.name),
    ]),
  ].filter((one) => one !== undefined);
}

function volumeReferences(pod: Pod): readonly (Reference | undefined)[] {
  return volumesOf(pod).flatMap(({ configMap, secret, projected }) => [
    reference("ConfigMap", configMap?.name),
    reference("Secret", secret?.secretName),
    ...(projected?.sources ?? []).flatMap((source) => [
      reference("ConfigMap", source.configMap?.name),
      reference("Secret", source.secret?.name),
    ]),
  ]);
}

const reference = (kind: ReferenceKind, name: string | undefined): Reference | undefined =>
  name ? { kind, name } : undefined;
