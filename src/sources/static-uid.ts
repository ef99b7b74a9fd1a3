import type { Problem } from "../base/fault.ts";
import { defaultPod } from "../model/defaults.ts";
import { fnv128 } from "../model/fnv128.ts";
import type { Pod } from "../model/kubernetes.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Origin } from "./update.ts";

export interface StaticUid {
  readonly uid: string;
  readonly warnings: readonly Problem[];
}

/** The parsed manifest that a pod was decoded from: all of it, or one item of a list. */
export interface Written {
  readonly value: unknown;
  readonly isListItem: boolean;
}

const utf8 = new TextEncoder();
const OUR_OWN: Problem = {
  field: "metadata.uid",
  message:
    "is absent, and a Go kubelet would make another one than this, as the manifest sets a time, metadata.managedFields or a number beyond 2^53: remove that, or set metadata.uid, if such a kubelet may take over this node",
};

/**
 * The UID of a static pod that names none: the Go kubelet's, digit for digit, so that a change between the two restarts no container. It
 * follows from the manifest's content, the node (for files) and the place; the same manifest at the same place has the same UID for ever.
 * Where that one can't be known it is a digest of our own, with a warning.
 */
export async function staticUid(decoded: Pod, written: Written, origin: Origin): Promise<StaticUid> {
  const { source, where, nodeName } = origin;
  const place = source === "file" ? `host:${nodeName}file:${where}` : `url:${where}`;
  // Read when first needed: a node without static pods does without, and so do pods with a UID.
  const { goPodDump } = await import("../model/go-pod-dump.ts");
  const dump = goPodDump(defaultPod(decoded), written.value, written.isListItem);
  const digest = (text: string) => fnv128(utf8.encode(`${text}${place}`));
  return dump === undefined
    ? { uid: digest(canonicalJson(decoded)), warnings: [OUR_OWN] }
    : { uid: digest(dump), warnings: [] };
}
