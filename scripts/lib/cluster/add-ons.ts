/** CoreDNS and kube-proxy in a cluster, as pods like kubeadm's, from images made of the programs at hand. */
import { buildImage, busyboxImage, type Image, programEntries } from "../images.ts";
import type { Registry } from "../registry.ts";
import { run } from "../run.ts";
import type { AnyObject, ApiClient } from "./api-client.ts";
import { optionalBinary } from "./binaries.ts";
import type { ControlPlane } from "./control-plane.ts";
import { coreDnsObjects } from "./coredns.ts";
import { kubeProxyObjects } from "./kube-proxy.ts";

const CORE_DNS = { repository: "coredns", tag: "v1.15.0" } as const;
const KUBE_PROXY = { repository: "kube-proxy", tag: "v1.37.2" } as const;
const PATIENCE_MS = 120_000;

/** Puts the images into the registry and the objects into the cluster, and does not wait. Nodes must pull "registry.local" from that registry. */
export async function installAddOns(plane: ControlPlane, registry: Registry): Promise<void> {
  const reference = ({ repository, tag }: { repository: string; tag: string }) => `registry.local/${repository}:${tag}`;
  await registry.push(CORE_DNS.repository, CORE_DNS.tag, await coreDnsImage());
  await registry.push(KUBE_PROXY.repository, KUBE_PROXY.tag, await kubeProxyImage());
  const objects = [
    ...kubeProxyObjects(reference(KUBE_PROXY), plane.pki.server),
    ...coreDnsObjects(reference(CORE_DNS)),
  ];
  for (const object of objects) await plane.api.create(collectionOf(object), object);
}

/** Waits until both do their work on every node they are meant for. */
export async function addOnsReady(api: ApiClient, timeoutMs = PATIENCE_MS): Promise<void> {
  const at = (resource: string, name: string) => ({
    collection: `/apis/apps/v1/namespaces/kube-system/${resource}`,
    name,
  });
  await api.until(
    at("daemonsets", "kube-proxy"),
    (set) => set?.status?.numberReady > 0 && set?.status?.numberReady === set?.status?.desiredNumberScheduled,
    { what: "kube-proxy to be ready", timeoutMs },
  );
  await api.until(at("deployments", "coredns"), (one) => one?.status?.availableReplicas > 0, {
    what: "CoreDNS to be available",
    timeoutMs,
  });
}

async function coreDnsImage(): Promise<Image> {
  const program = await programEntries(await optionalBinary("coredns"), "coredns");
  return await buildImage([program], { Entrypoint: ["/coredns"] }, { compress: false });
}

/** With `nft`, which it runs to write its rules, and a shell to look at them. */
async function kubeProxyImage(): Promise<Image> {
  const nft = (await run("sh", ["-c", "command -v nft"]).catch(() => "")).trim();
  if (nft === "") throw new Error("kube-proxy needs the program nft: apt-get install nftables");
  const entries = [
    ...(await programEntries(await optionalBinary("kube-proxy"), "usr/local/bin/kube-proxy")),
    ...(await programEntries(nft, "usr/sbin/nft")),
  ];
  return await busyboxImage({ Entrypoint: ["kube-proxy"] }, entries, { compress: false });
}

/** Where objects of a kind are made. */
function collectionOf({ apiVersion = "v1", kind = "", metadata }: AnyObject): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = metadata?.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${root}${scope}/${kind.toLowerCase()}s`;
}
