import { isFault } from "../base/fault.ts";
import { isAlreadyExists } from "../kube/index.ts";
import type { Node } from "../model/kubernetes.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import { NODES } from "./collections.ts";
import { nodePatch } from "./patch.ts";
import { reconciledNode } from "./reconcile.ts";

/** Makes the Node, or brings one that exists up to date; `made`: there was none. @throws KubeletError when neither works */
export async function register(
  initial: Node,
  api: KubeApi,
  options: { readonly getOnExistsOnly: boolean },
  signal: AbortSignal,
): Promise<{ readonly node: Node; readonly made: boolean }> {
  try {
    return { node: await api.create<Node>(NODES, initial, signal), made: true };
  } catch (error) {
    // A node that may not make itself may be there all the same: an administrator made it.
    const forbidden = isFault(error, "api-refused") && error.fault.status === 403 && !options.getOnExistsOnly;
    if (!isAlreadyExists(error) && !forbidden) throw error;
  }
  const name = initial.metadata?.name ?? "";
  const existing = await api.get<Node>(NODES, name, signal);
  const patch = nodePatch(existing, reconciledNode(existing, initial));
  if (!patch) return { node: existing, made: false };
  const node = await api.patch<Node>(NODES, name, "strategic", patch, signal, { subresource: "status" });
  return { node, made: false };
}
