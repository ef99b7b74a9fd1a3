/** What kubeadm puts into a new cluster: bindings for people, for the API server's calls to kubelets, and for nodes that join with a token. */
import { webcrypto } from "node:crypto";
import type { AnyObject, ApiClient } from "./api-client.ts";
import { ADMINS, KUBELET_CLIENT } from "./pki.ts";

const RBAC = "rbac.authorization.k8s.io";
const JOINING = "system:bootstrappers:kubeadm:default-node-token";
const TOKEN_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** `abcdef.0123456789abcdef`: what a node joins with. */
export function newBootstrapToken(): string {
  const characters = [...webcrypto.getRandomValues(new Uint8Array(22))].map((byte) => TOKEN_CHARACTERS[byte % 36]);
  return `${characters.slice(0, 6).join("")}.${characters.slice(6).join("")}`;
}

/** Makes the objects; the client must be of system:masters. */
export async function createFirstObjects(api: ApiClient, bootstrapToken: string): Promise<void> {
  const at = `/apis/${RBAC}/v1`;
  const reader = { apiGroups: [""], resources: ["nodes"], verbs: ["get"] };
  await Promise.all([
    api.create(`${at}/clusterroles`, clusterRole("kubeadm:get-nodes", [reader])),
    ...BINDINGS.map((one) => api.create(`${at}/clusterrolebindings`, one)),
    createBootstrapToken(api, bootstrapToken),
  ]);
}

/** A token by which kubelets ask for their first certificate, as `kubeadm token create` makes it. Without a date it holds for ever. */
export async function createBootstrapToken(api: ApiClient, token: string, expires?: Date): Promise<void> {
  const [id = "", secret = ""] = token.split(".");
  await api.create("/api/v1/namespaces/kube-system/secrets", {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `bootstrap-token-${id}`, namespace: "kube-system" },
    type: "bootstrap.kubernetes.io/token",
    stringData: {
      "token-id": id,
      "token-secret": secret,
      "usage-bootstrap-authentication": "true",
      "usage-bootstrap-signing": "true",
      "auth-extra-groups": JOINING,
      ...(expires === undefined ? {} : { expiration: expires.toISOString() }),
    },
  });
}

const SIGNING = "system:certificates.k8s.io:certificatesigningrequests";
const BINDINGS: readonly AnyObject[] = [
  binding(ADMINS, "cluster-admin", group(ADMINS)),
  binding("kubelet-ts:kubelet-client", "system:kubelet-api-admin", user(KUBELET_CLIENT)),
  binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", group(JOINING)),
  binding("kubeadm:get-nodes", "kubeadm:get-nodes", group(JOINING)),
  binding("kubeadm:node-autoapprove-bootstrap", `${SIGNING}:nodeclient`, group(JOINING)),
  binding("kubeadm:node-autoapprove-certificate-rotation", `${SIGNING}:selfnodeclient`, group("system:nodes")),
];

export function clusterRole(name: string, rules: readonly object[]): AnyObject {
  return { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name }, rules };
}

export function binding(name: string, role: string, subject: object): AnyObject {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
    subjects: [subject],
  };
}

function group(name: string): object {
  return { apiGroup: RBAC, kind: "Group", name };
}

function user(name: string): object {
  return { apiGroup: RBAC, kind: "User", name };
}
