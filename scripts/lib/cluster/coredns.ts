/** kubeadm's CoreDNS with one replica, and without a way to the outside, which a cluster in a namespace does not have. */
import type { AnyObject } from "./api-client.ts";
import { DNS_ADDRESS } from "./control-plane.ts";
import { binding, clusterRole } from "./first-objects.ts";

const NAME = "coredns";
const NAMESPACE = "kube-system";
const ROLE = "system:coredns";

const COREFILE = `.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    cache 30
    reload
    loadbalance
}
`;

export function coreDnsObjects(image: string): readonly AnyObject[] {
  // "kube-dns", as everybody selects it, whatever program serves.
  const labels = { "k8s-app": "kube-dns" };
  const metadata = { name: NAME, namespace: NAMESPACE };
  const reads = { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] };
  const slices = { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    clusterRole(ROLE, [reads, slices]),
    binding(ROLE, ROLE, { kind: "ServiceAccount", name: NAME, namespace: NAMESPACE }),
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { Corefile: COREFILE } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...metadata, labels },
      spec: {
        replicas: 1,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec(image) },
      },
    },
    service(labels),
  ];
}

function podSpec(image: string): object {
  const probe = (path: string, port: number) => ({ httpGet: { path, port, scheme: "HTTP" } });
  return {
    priorityClassName: "system-cluster-critical",
    serviceAccountName: NAME,
    tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
    nodeSelector: { "kubernetes.io/os": "linux" },
    dnsPolicy: "Default",
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: NAME,
        image,
        args: ["-conf", "/etc/coredns/Corefile"],
        resources: { limits: { memory: "170Mi" }, requests: { cpu: "100m", memory: "70Mi" } },
        volumeMounts: [{ name: "config-volume", mountPath: "/etc/coredns", readOnly: true }],
        ports: [
          { containerPort: 53, name: "dns", protocol: "UDP" },
          { containerPort: 53, name: "dns-tcp", protocol: "TCP" },
          { containerPort: 9153, name: "metrics", protocol: "TCP" },
        ],
        livenessProbe: { ...probe("/health", 8080), initialDelaySeconds: 60, timeoutSeconds: 5, failureThreshold: 5 },
        readinessProbe: { ...probe("/ready", 8181), periodSeconds: 2 },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
          readOnlyRootFilesystem: true,
        },
      },
    ],
    volumes: [{ name: "config-volume", configMap: { name: NAME, items: [{ key: "Corefile", path: "Corefile" }] } }],
  };
}

function service(labels: Readonly<Record<string, string>>): AnyObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "kube-dns",
      namespace: NAMESPACE,
      labels: { ...labels, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS" },
    },
    spec: {
      clusterIP: DNS_ADDRESS,
      selector: labels,
      ports: [
        { name: "dns", port: 53, protocol: "UDP", targetPort: 53 },
        { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: 53 },
        { name: "metrics", port: 9153, protocol: "TCP", targetPort: 9153 },
      ],
    },
  };
}
