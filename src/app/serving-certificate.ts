import { resolve } from "node:path";
import type { Log } from "../base/log.ts";
import {
  PairFiles,
  Rotation,
  type RotationListener,
  SERVING_SIGNER,
  SERVING_USAGES,
  servingWish,
} from "../certificates/index.ts";
import type { KubeletConfig } from "../config/index.ts";
import { type KubeletMetrics, servingCertificateMetrics } from "../metrics/index.ts";
import type { Node, NodeAddress } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { Keys } from "../ports/keys.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";

export interface ServingOptions {
  readonly nodeName: string;
  readonly certDir: string;
  /** tlsCertFile and tlsPrivateKeyFile: served until the cluster has given a certificate. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Gate AllowDNSOnlyNodeCSR. */
  readonly dnsOnly: boolean;
}

export interface ServingDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keys: Keys;
  readonly listener: RotationListener;
  readonly api: KubeApi;
  /** Of the Node object, as it stands at the API server. */
  readonly addresses: () => readonly NodeAddress[];
}

export interface ServingCertificate {
  /** The Node object may have other addresses now. */
  addressesChanged(): void;
  readonly expiresAt: () => Date | undefined;
  /** Why there is no certificate, in words; undefined: there is one. */
  readonly trouble: () => string | undefined;
  run(signal: AbortSignal): Promise<never>;
}

/** The serving certificate of a node that asks the cluster for one; undefined: it does not. @throws KubeletError `file-failed` */
export async function servingCertificate(
  { kubelet, flags, nodeName, gatesOn }: KubeletConfig,
  deps: Omit<ServingDeps, "addresses" | "listener"> & { readonly metrics: Pick<KubeletMetrics, "registry"> },
  node: () => Node | undefined,
): Promise<ServingCertificate | undefined> {
  if (!kubelet.serverTLSBootstrap) return undefined;
  const options = {
    nodeName,
    certDir: flags.certDir,
    certFile: kubelet.tlsCertFile,
    keyFile: kubelet.tlsPrivateKeyFile,
    dnsOnly: gatesOn.has("AllowDNSOnlyNodeCSR"),
  };
  let opened: ServingCertificate | undefined;
  const listener = servingCertificateMetrics(deps.metrics.registry, {
    expiresAt: () => opened?.expiresAt(),
    now: deps.clock.wall,
  });
  opened = await openServingCertificate(options, {
    ...deps,
    listener,
    addresses: () => node()?.status?.addresses ?? [],
  });
  return opened;
}

/**
 * serverTLSBootstrap: keeps `<cert-dir>/kubelet-server-current.pem` good by CertificateSigningRequests with the node's addresses. The server
 * follows that file (`fromCluster` of its pair); until it is there, handshakes fail. Nobody approves these requests by himself.
 * @throws KubeletError `file-failed`
 */
export async function openServingCertificate(options: ServingOptions, deps: ServingDeps): Promise<ServingCertificate> {
  const { nodeName, certFile, keyFile, dnsOnly } = options;
  const others = certFile === "" || keyFile === "" ? [] : [{ cert: certFile, key: keyFile }];
  const pairs = new PairFiles({ directory: resolve(options.certDir), prefix: "kubelet-server", others }, deps);
  const rotation = new Rotation(
    {
      what: "Serving certificate",
      signer: SERVING_SIGNER,
      usages: SERVING_USAGES,
      wish: () => servingWish(nodeName, deps.addresses(), { dnsOnly }),
      renews: true,
      firstKeyFile: undefined,
      endsWithout: false,
    },
    { ...deps, pairs, withApi: (_, use) => use(deps.api) },
  );
  await rotation.load();
  return {
    addressesChanged: () => rotation.wishChanged(),
    expiresAt: () => rotation.expiresAt,
    trouble: () => rotation.trouble,
    run: (signal) => rotation.run(signal),
  };
}
