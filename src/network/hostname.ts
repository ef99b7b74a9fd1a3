import { KubeletError } from "../base/fault.ts";
import { isDnsLabel, isDnsSubdomain } from "../model/check.ts";
import type { Pod } from "../model/kubernetes.ts";

export interface PodName {
  readonly hostname: string;
  /** Empty without a subdomain. */
  readonly domain: string;
}

/** What the kernel takes as a node name, without the closing zero byte. */
const HOSTNAME_MAX = 63;
const FQDN_MAX = 64;

/**
 * Host name and domain of a pod, for its /etc/hosts and its sandbox.
 * @throws KubeletError `waiting` when a name in the spec is not a DNS name
 */
export function podName(pod: Pod, clusterDomain: string): PodName {
  const { hostnameOverride, hostname, subdomain } = pod.spec ?? {};
  const name = pod.metadata?.name ?? "";
  if (hostnameOverride !== undefined) {
    if (!isDnsSubdomain(hostnameOverride)) {
      throw refused(`pod HostnameOverride "${hostnameOverride}" is not a valid DNS subdomain`);
    }
    return { hostname: cut(name, hostnameOverride), domain: "" };
  }
  if (hostname && !isDnsLabel(hostname)) throw refused(`pod Hostname "${hostname}" is not a valid DNS label`);
  if (subdomain && !isDnsLabel(subdomain)) throw refused(`pod Subdomain "${subdomain}" is not a valid DNS label`);
  return {
    hostname: cut(name, hostname || name),
    domain: subdomain ? `${subdomain}.${pod.metadata?.namespace ?? ""}.svc.${clusterDomain}` : "",
  };
}

/**
 * The sandbox's host name: empty with the node's network, else the short name, or the full one where the pod wants it.
 * @throws KubeletError `waiting` when the full name is too long for the kernel
 */
export function sandboxHostname(pod: Pod, clusterDomain: string): string {
  if (pod.spec?.hostNetwork) return "";
  const { hostname, domain } = podName(pod, clusterDomain);
  if (!pod.spec?.setHostnameAsFQDN || domain === "") return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length <= FQDN_MAX) return full;
  throw refused(
    `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${FQDN_MAX} characters is the max, ${full.length} characters requested)`,
  );
}

function cut(name: string, hostname: string): string {
  if (hostname.length <= HOSTNAME_MAX) return hostname;
  const short = hostname.slice(0, HOSTNAME_MAX).replace(/[-.]+$/, "");
  if (short === "") throw refused(`hostname for pod "${name}" was invalid: "${hostname}"`);
  return short;
}

const refused = (message: string): KubeletError =>
  new KubeletError(message, { code: "waiting", reason: "CreatePodSandboxError" });
