/** kubeadm's kube-proxy, in nftables mode. */
import type { AnyObject } from "./api-client.ts";
import { POD_CIDR } from "./control-plane.ts";
import { binding } from "./first-objects.ts";

const NAME = "kube-proxy";
const NAMESPACE = "kube-system";
const TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount";

/** `server` as hosts reach the API server: services do not work before kube-proxy does. */
export function kubeProxyObjects(image: string, server: string): readonly AnyObject[] {
  const metadata = { name: NAME, namespace: NAMESPACE, labels: { "k8s-app": NAME } };
  const account = { kind: "ServiceAccount", name: NAME, namespace: NAMESPACE };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    binding("kubeadm:node-proxier", "system:node-proxier", account),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { "config.conf": config(), "kubeconfig.conf": kubeconfig(server) },
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata,
      spec: {
        selector: { matchLabels: metadata.labels },
        template: { metadata: { labels: metadata.labels }, spec: podSpec(image) },
      },
    },
  ];
}

function podSpec(image: string): object {
  const file = "/var/lib/kube-proxy";
  return {
    priorityClassName: "system-node-critical",
    serviceAccountName: NAME,
    hostNetwork: true,
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ operator: "Exists" }],
    terminationGracePeriodSeconds: 2,
    containers: [
      {
        name: NAME,
        image,
        command: ["/usr/local/bin/kube-proxy", `--config=${file}/config.conf`, "--hostname-override=$(NODE_NAME)"],
        env: [{ name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
        securityContext: { privileged: true },
        volumeMounts: [{ name: NAME, mountPath: file }],
      },
    ],
    volumes: [{ name: NAME, configMap: { name: NAME } }],
  };
}

function config(): string {
  return JSON.stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clusterCIDR: POD_CIDR,
    clientConnection: { kubeconfig: "/var/lib/kube-proxy/kubeconfig.conf" },
    // These sysctls belong to the machine, not to the network namespace that the cluster lives in.
    conntrack: { maxPerCore: 0 },
    // The first rules are in force half a second sooner.
    nftables: { syncPeriod: "30s", minSyncPeriod: "100ms" },
  });
}

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "default", cluster: { server, "certificate-authority": `${TOKEN}/ca.crt` } }],
    users: [{ name: "default", user: { tokenFile: `${TOKEN}/token` } }],
    contexts: [{ name: "default", context: { cluster: "default", user: "default", namespace: "default" } }],
    "current-context": "default",
  });
}
