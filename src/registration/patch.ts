import { isRecord } from "../base/record.ts";
import type { Node } from "../model/kubernetes.ts";
import { sameMeaning } from "./semantic.ts";

type Json = { readonly [key: string]: unknown };

/**
 * The strategic merge patch that makes labels, annotations and status of `before` those of `after`; undefined when nothing differs. It names
 * only what the kubelet changed, so that what others write meanwhile stays. Conditions are merged by type, addresses replaced as a whole:
 * their list is marked for merging, which would keep an address that is gone (the node API's known slip, upstream works around it alike).
 */
export function nodePatch(before: Node, after: Node): Json | undefined {
  const { conditions: oldConditions = [], addresses: oldAddresses = [], ...oldStatus } = before.status ?? {};
  const { conditions = [], addresses = [], ...status } = after.status ?? {};
  const metadata = {
    ...named("labels", mapPatch(before.metadata?.labels ?? {}, after.metadata?.labels ?? {})),
    ...named("annotations", mapPatch(before.metadata?.annotations ?? {}, after.metadata?.annotations ?? {})),
  };
  const changed = conditions.filter((one) => !oldConditions.some((other) => sameMeaning(one, other)));
  const statusPatch = {
    ...mapPatch(oldStatus, status),
    ...(changed.length > 0 ? { conditions: changed } : {}),
    ...(sameMeaning(oldAddresses, addresses) ? {} : { addresses: [...addresses, { $patch: "replace" }] }),
  };
  const patch = { ...named("metadata", metadata), ...named("status", statusPatch) };
  return Object.keys(patch).length > 0 ? patch : undefined;
}

const named = (name: string, part: Json | undefined): Json =>
  part && Object.keys(part).length > 0 ? { [name]: part } : {};

/** Fields of `after` that differ, objects field by field, null for what is gone. Lists are replaced. */
function mapPatch(before: Json, after: Json): Json {
  const patch: { [key: string]: unknown } = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, next] = [before[key], after[key]];
    if (sameMeaning(old, next)) continue;
    if (next === undefined || next === null) patch[key] = null;
    else if (isRecord(old) && isRecord(next)) patch[key] = mapPatch(old, next);
    else patch[key] = next;
  }
  return patch;
}
