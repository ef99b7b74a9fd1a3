import { canonicalIp } from "../model/certificate.ts";
import { isIpAddress } from "../model/ip.ts";
import type { NodeAddress } from "../model/kubernetes.ts";
import type { CertificateRequest } from "../ports/keys.ts";

export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
export const SERVING_SIGNER = "kubernetes.io/kubelet-serving";

/** The signers' order and number; more (`key encipherment`) is for RSA keys, which are not made here. */
export const CLIENT_USAGES: readonly string[] = ["digital signature", "client auth"];
export const SERVING_USAGES: readonly string[] = ["digital signature", "server auth"];

/** What the API server knows the node by. */
export const clientWish = (nodeName: string): CertificateRequest => ({
  commonName: `system:node:${nodeName}`,
  organizations: ["system:nodes"],
  dnsNames: [],
  ipAddresses: [],
});

/** A serving certificate for what the Node object says where the node is reached. undefined: not enough is known yet to ask for one. */
export function servingWish(
  nodeName: string,
  addresses: readonly NodeAddress[],
  { dnsOnly }: { /** Gate AllowDNSOnlyNodeCSR: no IP address is needed. */ readonly dnsOnly: boolean },
): CertificateRequest | undefined {
  const dnsNames = new Set<string>();
  const ipAddresses = new Set<string>();
  for (const { type, address } of addresses) {
    const isIp = isIpAddress(address);
    if (isIp && (type === "Hostname" || type === "InternalIP" || type === "ExternalIP"))
      ipAddresses.add(canonicalIp(address));
    const isName = type === "InternalDNS" || type === "ExternalDNS" || (type === "Hostname" && !isIp);
    if (isName && address !== "") dnsNames.add(address);
  }
  if (ipAddresses.size === 0 && (!dnsOnly || dnsNames.size === 0)) return undefined;
  return { ...clientWish(nodeName), dnsNames: [...dnsNames].sort(), ipAddresses: [...ipAddresses].sort() };
}
