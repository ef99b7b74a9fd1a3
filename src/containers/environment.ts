import { messageOf } from "../base/fault.ts";
import { fieldValue, resourceProblem, resourceValue, type Surroundings } from "../model/downward.ts";
import { Expansion } from "../model/expand.ts";
import type { Container, EnvFromSource, EnvVar, Pod } from "../model/kubernetes.ts";
import { configMapValues, type ObjectValues, secretValues } from "../model/object-values.ts";
import { namespaceOf } from "../model/pod.ts";
import type { ReferencedObject, ReferenceKind } from "../model/referenced.ts";
import { configError } from "./refuse.ts";

/** Name -> value: of `envFrom` and `env` in spec order, then of services. A name that comes twice keeps its first place and its last value. */
export type Environment = ReadonlyMap<string, string>;

/** What variables come from beside the pod, all of it looked up before. */
export interface EnvironmentSources {
  /** undefined: it is not there. */
  readonly object: <K extends ReferenceKind>(kind: K, name: string) => ReferencedObject[K] | undefined;
  /** For a message to the pod's owner. */
  readonly whyMissing: (kind: ReferenceKind, name: string) => string;
  /** Variables that tell of services. */
  readonly services: ReadonlyMap<string, string>;
}

export interface EnvironmentContext extends Surroundings {
  readonly sources: EnvironmentSources;
}

/** A container, or what of it makes its environment. */
type Owner = Pick<Container, "env" | "envFrom" | "resources">;

/**
 * The variables of one container. Only plain values are expanded: by what stands before them, and by those of services.
 * @throws KubeletError `waiting` for a source that is not there, or that no variable can hold
 */
export function environment(pod: Pod, container: Owner, context: EnvironmentContext): Environment {
  const { services } = context.sources;
  const values = new Map<string, string>();
  const expansion = new Expansion();
  for (const from of container.envFrom ?? []) {
    for (const [name, value] of wholeObject(pod, from, context.sources)) values.set(name, value);
  }
  for (const variable of container.env ?? []) {
    const value = variable.value
      ? expansion.expand(variable.value, (name) => values.get(name) ?? services.get(name))
      : sourced(pod, container, variable, context);
    if (value !== undefined) values.set(variable.name, value);
  }
  for (const [name, value] of services) if (!values.has(name)) values.set(name, value);
  return values;
}

/** All keys of an object as variables, sorted. */
function wholeObject(
  pod: Pod,
  { configMapRef, secretRef, prefix = "" }: EnvFromSource,
  sources: EnvironmentSources,
): readonly (readonly [name: string, value: string])[] {
  const kind = configMapRef ? "ConfigMap" : "Secret";
  const ref = configMapRef ?? secretRef;
  if (!ref) return [];
  const found = valuesOf(pod, kind, ref.name ?? "", ref.optional ?? false, sources);
  const names = [...(found?.values.keys() ?? [])].sort();
  return names.map((key) => [`${prefix}${key}`, found?.text(key) ?? ""] as const);
}

/** undefined: an optional source that is not there. */
function sourced(pod: Pod, container: Owner, variable: EnvVar, context: EnvironmentContext): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom ?? {};
  if (fieldRef) {
    const value = fieldValue(fieldRef.fieldPath, pod, context);
    if (value === undefined) throw configError(`field label not supported: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef) {
    const value = resourceValue(resourceFieldRef, pod, container, context);
    if (value.kind === "value") return value.text;
    throw configError(resourceProblem(value));
  }
  if (configMapKeyRef) return oneKey(pod, "ConfigMap", configMapKeyRef, context.sources);
  if (secretKeyRef) return oneKey(pod, "Secret", secretKeyRef, context.sources);
  if (fileKeyRef) {
    if (fileKeyRef.optional) return undefined;
    throw configError(`environment variable ${variable.name}: fileKeyRef is not supported yet`);
  }
  return "";
}

interface KeyRef {
  readonly name?: string | undefined;
  readonly key: string;
  readonly optional?: boolean | undefined;
}

function oneKey(
  pod: Pod,
  kind: ReferenceKind,
  { name = "", key, optional = false }: KeyRef,
  sources: EnvironmentSources,
): string | undefined {
  const found = valuesOf(pod, kind, name, optional, sources);
  if (found?.values.has(key)) return found.text(key);
  if (!found || optional) return undefined;
  throw configError(`couldn't find key ${key} in ${kind} ${namespaceOf(pod)}/${name}`);
}

interface Values {
  readonly values: ObjectValues;
  /** @throws KubeletError `waiting` for bytes that no variable can hold */
  readonly text: (key: string) => string;
}

function valuesOf(
  pod: Pod,
  kind: ReferenceKind,
  name: string,
  optional: boolean,
  { object, whyMissing }: EnvironmentSources,
): Values | undefined {
  const found = object(kind, name);
  if (!found && optional) return undefined;
  if (!found) throw configError(whyMissing(kind, name));
  const place = `${kind} ${namespaceOf(pod)}/${name}`;
  // Variables are made of text: what is in binaryData is for files.
  const values = read(place, () =>
    kind === "ConfigMap" ? configMapValues({ data: found.data }) : secretValues({ data: found.data }),
  );
  return { values, text: (key) => textOf(values.get(key) ?? new Uint8Array(), `key ${key} in ${place}`) };
}

function read(place: string, work: () => ObjectValues): ObjectValues {
  try {
    return work();
  } catch (error) {
    throw configError(`cannot use ${place}: ${messageOf(error)}`);
  }
}

function textOf(bytes: Uint8Array, place: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw configError(`${place} is not UTF-8 text, which an environment variable must be: mount it as a file`);
  }
  if (text.includes("\0")) throw configError(`${place} holds a NUL byte, which no environment variable can`);
  return text;
}
