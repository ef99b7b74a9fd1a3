import { fieldValue, resourceProblem, resourceValue, type Surroundings } from "../model/downward.ts";
import type { Container, EnvVar, Pod } from "../model/kubernetes.ts";
import { namespaceOf } from "../model/pod.ts";
import { expand } from "./expand.ts";
import { configError } from "./refuse.ts";

/** Name -> value, in spec order. A name that comes twice keeps its first place and its last value. */
export type Environment = ReadonlyMap<string, string>;

/**
 * The variables of one container. Only plain values are expanded, by what stands before them.
 * @throws KubeletError `waiting` for a source that this node can't read
 */
export function environment(pod: Pod, container: Container, around: Surroundings): Environment {
  const values = new Map<string, string>();
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef && !configMapRef.optional) throw noApi(pod, "configMap", configMapRef.name);
    if (secretRef && !secretRef.optional) throw noApi(pod, "secret", secretRef.name);
  }
  for (const variable of container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, (name) => values.get(name))
      : sourced(pod, container, variable, around);
    if (value !== undefined) values.set(variable.name, value);
  }
  return values;
}

/** undefined: an optional source that is not there. */
function sourced(pod: Pod, container: Container, variable: EnvVar, around: Surroundings): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom ?? {};
  if (fieldRef) {
    const value = fieldValue(fieldRef.fieldPath, pod, around);
    if (value === undefined) throw configError(`field label not supported: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef) {
    const value = resourceValue(resourceFieldRef, pod, container, around);
    if (value.kind === "value") return value.text;
    throw configError(resourceProblem(value));
  }
  if (configMapKeyRef) return absent(pod, "configMap", configMapKeyRef);
  if (secretKeyRef) return absent(pod, "secret", secretKeyRef);
  if (fileKeyRef) {
    if (fileKeyRef.optional) return undefined;
    throw configError(`environment variable ${variable.name}: fileKeyRef is not supported yet`);
  }
  return "";
}

function absent(
  pod: Pod,
  kind: string,
  { name, optional }: { readonly name?: string | undefined; readonly optional?: boolean | undefined },
): undefined {
  if (!optional) throw noApi(pod, kind, name);
  return undefined;
}

const noApi = (pod: Pod, kind: string, name: string | undefined) =>
  configError(`couldn't get ${kind} ${namespaceOf(pod)}/${name ?? ""}, this node has no API server to read it from`);
