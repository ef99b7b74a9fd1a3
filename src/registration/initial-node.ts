import type { Node, Taint } from "../model/kubernetes.ts";
import { initialLabels } from "../model/node-labels.ts";
import type { RegistrationOptions } from "./options.ts";

const ATTACH_DETACH = "volumes.kubernetes.io/controller-managed-attach-detach";
const UNINITIALIZED: Taint = {
  key: "node.cloudprovider.kubernetes.io/uninitialized",
  value: "true",
  effect: "NoSchedule",
};

/** The Node as it is registered, but for its status. */
export function initialNode(options: RegistrationOptions, arch: string): Node {
  const { nodeName, providerId } = options;
  const taints = [...options.taints.map(taintOf), ...(options.externalCloudProvider ? [UNINITIALIZED] : [])];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: nodeName,
      labels: initialLabels(nodeName, arch, options.labels),
      ...(options.attachDetachByController ? { annotations: { [ATTACH_DETACH]: "true" } } : {}),
    },
    spec: {
      ...(taints.length > 0 ? { taints } : {}),
      ...(providerId === "" ? {} : { providerID: providerId }),
    },
  };
}

const taintOf = ({ key, value, effect }: Taint): Taint => ({ key, effect, ...(value ? { value } : {}) });

/** The annotation of a Node that exists made equal to what we say: "controller-managed" or nothing. */
export function reconciledAnnotations(
  existing: { readonly [key: string]: string },
  initial: { readonly [key: string]: string },
): { readonly [key: string]: string } {
  const { [ATTACH_DETACH]: _old, ...others } = existing;
  const own = initial[ATTACH_DETACH];
  return own === undefined ? others : { ...others, [ATTACH_DETACH]: own };
}
