import { isDeepStrictEqual } from "node:util";
import type { PodStatus } from "../model/kubernetes.ts";
import { OWN_FIELDS, withoutEmpty } from "./merge-status.ts";

/** Lists that the API server merges by a key of their members (`patchMergeKey`); it replaces all others. */
const MERGE_KEYS: { readonly [field in keyof PodStatus]?: string } = {
  conditions: "type",
  hostIPs: "ip",
  podIPs: "ip",
};

type Member = { readonly [field: string]: unknown };

/**
 * The strategic merge patch from one status to the other, as upstream's `CreateTwoWayMergePatch` makes it. The UID in it is a precondition: the API
 * server refuses the patch with 422 for another pod of the same name. undefined: there is nothing to change.
 */
export function statusPatch(uid: string, from: PodStatus, to: PodStatus): object | undefined {
  const status: Record<string, unknown> = {};
  for (const field of OWN_FIELDS) {
    const key = MERGE_KEYS[field];
    const [before, after] = [from[field], to[field]];
    if (key !== undefined) Object.assign(status, listPatch(field, key, members(before), members(after)));
    else if (!isDeepStrictEqual(withoutEmpty(before), withoutEmpty(after))) status[field] = after ?? null;
  }
  return Object.keys(status).length === 0 ? undefined : { metadata: { uid }, status };
}

const members = (list: unknown): readonly Member[] => (Array.isArray(list) ? (list as readonly Member[]) : []);

function listPatch(field: string, key: string, before: readonly Member[], after: readonly Member[]): object {
  const old = new Map(before.map((member) => [member[key], member]));
  const kept = new Set(after.map((member) => member[key]));
  const changed = [
    ...after.flatMap((member) => memberPatch(key, old.get(member[key]), member) ?? []),
    ...before.filter((member) => !kept.has(member[key])).map((member) => ({ $patch: "delete", [key]: member[key] })),
  ];
  if (changed.length === 0) return {};
  return { [`$setElementOrder/${field}`]: after.map((member) => ({ [key]: member[key] })), [field]: changed };
}

/** Only what differs, beside the key that names the member. */
function memberPatch(key: string, before: Member | undefined, after: Member): Member | undefined {
  if (!before) return after;
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...fields].filter(
    (field) => !isDeepStrictEqual(withoutEmpty(before[field]), withoutEmpty(after[field])),
  );
  if (changed.length === 0) return undefined;
  return { ...Object.fromEntries(changed.map((field) => [field, after[field] ?? null])), [key]: after[key] };
}
