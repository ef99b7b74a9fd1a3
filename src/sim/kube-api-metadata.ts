import type { ObjectMeta } from "../model/kubernetes.ts";
import { refused } from "./kube-api-faults.ts";
import { type Stored, timestamp } from "./kube-api-kinds.ts";

type Metadata = Stored["metadata"];

/**
 * The metadata once a deletion was asked for at `now`: the first one sets the time, a later one may only shorten it. The same value: nothing changes.
 * https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go
 */
export function dyingMetadata(
  metadata: Metadata,
  now: number,
  { grace, asked }: { readonly grace: number; readonly asked: number | undefined },
): Metadata {
  const { deletionTimestamp, deletionGracePeriodSeconds: old = 0 } = metadata;
  if (deletionTimestamp === undefined) {
    const generation = metadata.generation === undefined ? {} : { generation: metadata.generation + 1 };
    const end = timestamp(new Date(now + grace * 1000));
    return { ...metadata, ...generation, deletionTimestamp: end, deletionGracePeriodSeconds: grace };
  }
  if (old === 0 || asked === undefined || asked >= old) return metadata;
  const wanted = asked < 0 ? 1 : asked;
  const end = new Date(deletionTimestamp).getTime() - (old - wanted) * 1000;
  return {
    ...metadata,
    deletionTimestamp: timestamp(new Date(Math.max(end, now))),
    deletionGracePeriodSeconds: end < now && wanted !== 0 ? 1 : wanted,
  };
}

/** Refuses a write that is based on another version, or meant for another object of the name. */
export function refuseConflict(
  resource: string,
  { metadata: old }: Stored,
  { given, isPatch }: { readonly given: ObjectMeta; readonly isPatch: boolean },
): void {
  if ((given.name ?? old.name) !== old.name || (given.namespace ?? old.namespace) !== old.namespace) {
    throw refused(400, "BadRequest", "the name of the object does not match the name on the URL");
  }
  const isOther = given.uid !== undefined && given.uid !== old.uid;
  if (given.resourceVersion !== undefined && given.resourceVersion !== old.resourceVersion) {
    throw conflict(resource, old.name, "the object has been modified; please apply your changes to the latest version");
  }
  if (isOther && isPatch) {
    const why = `metadata.uid: Invalid value: "${given.uid}": field is immutable`;
    throw refused(422, "Invalid", `${resource} "${old.name}" is invalid: ${why}`);
  }
  if (isOther) {
    const why = `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${old.uid}`;
    throw conflict(resource, old.name, why);
  }
}

const conflict = (resource: string, name: string, why: string) =>
  refused(409, "Conflict", `Operation cannot be fulfilled on ${resource} "${name}": ${why}`);

/** What a writer wants, without what it may not change of the metadata; a status may change less. */
export function keptMetadata({ metadata: old }: Stored, given: ObjectMeta, isStatus: boolean): Metadata {
  const { generation: _1, deletionTimestamp: _2, deletionGracePeriodSeconds: _3, ...free } = given;
  const system = pick(
    old,
    "name",
    "uid",
    "resourceVersion",
    "namespace",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  );
  const owners = isStatus ? pick(old, "ownerReferences") : {};
  return dropUndefined({ ...free, ...system, ...owners }) as Metadata;
}

export function pick<T extends object, K extends keyof T>(object: T, ...names: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(names.map((name) => [name, object[name]])) as Partial<Pick<T, K>>;
}

export const dropUndefined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
