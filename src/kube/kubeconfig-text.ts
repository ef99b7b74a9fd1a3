import type { KubeconfigCluster } from "./kubeconfig.ts";

/**
 * The kubeconfig that a node writes for itself: the cluster of the bootstrap kubeconfig, and the certificate file that is renewed in place.
 * Names and shape are upstream's; a name for TLS and a proxy, which upstream forgets, are kept.
 */
export async function kubeconfigText(cluster: KubeconfigCluster, pemPath: string): Promise<string> {
  const { server, ca, tlsServerName, insecureSkipTlsVerify, proxyUrl } = cluster;
  const config = {
    apiVersion: "v1",
    clusters: [
      {
        cluster: {
          ...(ca && "file" in ca ? { "certificate-authority": ca.file } : {}),
          ...(ca && "text" in ca
            ? { "certificate-authority-data": Buffer.from(ca.text, "latin1").toString("base64") }
            : {}),
          ...(insecureSkipTlsVerify ? { "insecure-skip-tls-verify": true } : {}),
          ...(proxyUrl === undefined ? {} : { "proxy-url": proxyUrl }),
          server,
          ...(tlsServerName === undefined ? {} : { "tls-server-name": tlsServerName }),
        },
        name: "default-cluster",
      },
    ],
    contexts: [
      {
        context: { cluster: "default-cluster", namespace: "default", user: "default-auth" },
        name: "default-context",
      },
    ],
    "current-context": "default-context",
    kind: "Config",
    users: [{ name: "default-auth", user: { "client-certificate": pemPath, "client-key": pemPath } }],
  };
  const { stringify } = await import("yaml");
  return stringify(config, { version: "1.1", indentSeq: false, lineWidth: 0 });
}
