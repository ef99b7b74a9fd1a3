import type { NetworkNames, RuntimePaths } from "./paths.ts";

/** Addresses for pods where the configuration has no podCIDR: a private range that neither Docker (172.17/16) nor kubeadm (10.244/16) uses. */
export const DEFAULT_POD_CIDR = "10.88.0.0/16";

/**
 * The CNI network list: a bridge that is the pods' gateway, addresses from host-local, host ports. JSON text.
 * `podCidr` is one CIDR, or an IPv4 and an IPv6 one with a comma between, as in KubeletConfiguration.
 * Version 1.0.0 of CNI is what both Debian 12's plugins (1.1.1) and the newest read.
 */
export function cniConfig(podCidr: string, names: NetworkNames, paths: RuntimePaths): string {
  const cidrs = podCidr.split(",").map((cidr) => cidr.trim());
  const bridge = {
    type: "bridge",
    bridge: names.bridge,
    isGateway: true,
    // A bridge that a kubelet of long ago left with another address would keep every new pod from starting.
    forceAddress: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: "host-local",
      dataDir: paths.cniNetworks,
      ranges: cidrs.map((subnet) => [{ subnet }]),
      routes: cidrs.map((cidr) => ({ dst: cidr.includes(":") ? "::/0" : "0.0.0.0/0" })),
    },
  };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  return `${JSON.stringify({ cniVersion: "1.0.0", name: names.network, plugins: [bridge, portmap] }, undefined, 2)}\n`;
}

/** Bridge and range of what `cniConfig` wrote; undefined for anything else. */
export function readCniConfig(text: string): { readonly bridge: string; readonly podCidr: string } | undefined {
  try {
    const [{ bridge, ipam }] = JSON.parse(text).plugins;
    const podCidr = ipam.ranges.map(([{ subnet }]: readonly [{ readonly subnet: string }]) => subnet).join(",");
    return typeof bridge === "string" && podCidr !== "" ? { bridge, podCidr } : undefined;
  } catch {
    return undefined;
  }
}
