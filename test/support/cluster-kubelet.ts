/** What the two kubelets, ours and Go's, are given to be the node of a test cluster: one configuration file and one set of flags for both. */
import { writeFileSync } from "node:fs";
import { buildKubelet } from "../../scripts/build.ts";
import { optionalBinary } from "../../scripts/lib/cluster/binaries.ts";
import { DNS_ADDRESS } from "../../scripts/lib/cluster/control-plane.ts";
import { nodeSubject, type Pki } from "../../scripts/lib/cluster/pki.ts";
import { detectHost } from "../../src/adapters/linux/index.ts";

/** Which program is the kubelet: this project's, or the one in Go of the same version. */
export type KubeletChoice = "ours" | "go";

/** "certificate": a kubeconfig with a client certificate; "bootstrap": only the token to ask for one with. */
export type IdentityChoice = "certificate" | "bootstrap";

export interface KubeletPlaces {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly healthPort: number;
  /** --root-dir. */
  readonly root: string;
  /** Of the configuration file. */
  readonly config: string;
  readonly manifests: string;
  readonly podLogs: string;
  readonly cgroup: string;
  /** Of the runtime: a socket, or "embedded". */
  readonly endpoint: string;
}

export async function kubeletProgram(choice: KubeletChoice): Promise<string> {
  // Another folder than dist/, where several work on one checkout.
  return choice === "go"
    ? await optionalBinary("kubelet")
    : (await buildKubelet(undefined, process.env.KUBELET_TS_DIST)).launcher;
}

/** Writes the KubeletConfiguration, with `more` over what each node here has. */
export async function writeConfig(
  places: KubeletPlaces,
  pki: Pki,
  more: Readonly<Record<string, unknown>>,
): Promise<void> {
  const serving = await pki.issueFiles(`kubelet-${places.name}`, {
    commonName: `system:node:${places.name}`,
    organizations: ["system:nodes"],
    usages: ["server"],
    hosts: [places.name, places.address, "127.0.0.1"],
  });
  const settings = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: places.endpoint,
    staticPodPath: places.manifests,
    // An embedded runtime keeps logs in its own folder, as its CRI asks.
    ...(places.endpoint === "embedded" ? {} : { podLogsDir: places.podLogs }),
    port: places.port,
    healthzPort: places.healthPort,
    tlsCertFile: `${serving}.crt`,
    tlsPrivateKeyFile: `${serving}.key`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki.path("ca.crt") },
    },
    authorization: { mode: "Webhook" },
    rotateCertificates: true,
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: "cluster.local",
    cgroupDriver: "cgroupfs",
    cgroupRoot: places.cgroup,
    enforceNodeAllocatable: [],
    oomScoreAdj: 0,
    failSwapOn: false,
    ...(detectHost().cgroupVersion === 1 ? { failCgroupV1: false } : {}),
    ...more,
  };
  writeFileSync(places.config, `${JSON.stringify(settings, undefined, 2)}\n`);
}

/** Flags of a node that is `identity` to the API server; writes the kubeconfig that they name. */
export async function kubeletArgs(
  places: KubeletPlaces,
  { pki, bootstrapToken }: { readonly pki: Pki; readonly bootstrapToken: string },
  identity: IdentityChoice,
): Promise<readonly string[]> {
  const kubeconfig = `kubelet-${places.name}.conf`;
  const flags = [`--kubeconfig=${pki.folder}/${kubeconfig}`];
  if (identity === "certificate") await pki.kubeconfigFile(kubeconfig, nodeSubject(places.name));
  else {
    const user = { name: "kubelet-bootstrap", user: { token: bootstrapToken } };
    flags.push(`--bootstrap-kubeconfig=${pki.writeKubeconfig(`bootstrap-${places.name}.conf`, user)}`);
  }
  return [
    ...flags,
    `--config=${places.config}`,
    `--root-dir=${places.root}`,
    `--cert-dir=${places.root}/pki`,
    `--hostname-override=${places.name}`,
    // Without it, the Go kubelet looks its name up in DNS, which nobody serves here, before each node status.
    `--node-ip=${places.address}`,
  ];
}
