import type { Collection } from "../ports/kube-api.ts";

export const NODES: Collection = { group: "", version: "v1", resource: "nodes" };
export const CSI_NODES: Collection = { group: "storage.k8s.io", version: "v1", resource: "csinodes" };
export const NODE_LEASES: Collection = {
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  namespace: "kube-node-lease",
};
