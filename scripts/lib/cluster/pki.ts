/** The certificates and keys of a cluster in the places where kubeadm has them, and kubeconfigs made from them. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Authority, keyPair, type Leaf, type Pair, type Subject } from "./certificate.ts";
import { type Identity, kubeconfig } from "./kubeconfig.ts";

export interface PkiOptions {
  /** Certificates go into `pki/` below it, kubeconfigs beside that. */
  readonly folder: string;
  /** Where the API server listens for the nodes, as `https://10.201.0.1:6443`. */
  readonly server: string;
  /** Names and addresses of the API server beside those that every cluster has. */
  readonly hosts: readonly string[];
}

export class Pki {
  readonly folder: string;
  readonly server: string;
  readonly #ca: Authority;

  private constructor({ folder, server }: PkiOptions, ca: Authority) {
    this.folder = folder;
    this.server = server;
    this.#ca = ca;
  }

  static async make(options: PkiOptions): Promise<Pki> {
    const [ca, frontProxy, etcd] = await Promise.all(
      ["kubernetes", "front-proxy-ca", "etcd-ca"].map((name) => Authority.make(name)),
    );
    if (!ca || !frontProxy || !etcd) throw new TypeError("three authorities were asked for");
    const pki = new Pki(options, ca);
    for (const [name, one] of Object.entries({ ca, "front-proxy-ca": frontProxy, "etcd/ca": etcd }))
      pki.#write(name, one);
    const { privateKey, publicKey } = await keyPair();
    writeFileSync(pki.path("sa.key"), privateKey, { mode: 0o600 });
    writeFileSync(pki.path("sa.pub"), publicKey);
    const leaves: readonly (readonly [string, Authority, Leaf])[] = [
      ["apiserver", ca, { commonName: "kube-apiserver", usages: ["server"], hosts: [...NAMES, ...options.hosts] }],
      // Bound to system:kubelet-api-admin and nothing else: what the kubelet's webhook is asked about is a real question then.
      ["apiserver-kubelet-client", ca, { commonName: KUBELET_CLIENT, usages: ["client"] }],
      ["front-proxy-client", frontProxy, { commonName: "front-proxy-client", usages: ["client"] }],
      ["etcd/server", etcd, { commonName: "etcd", usages: ["server", "client"], hosts: ["localhost", "127.0.0.1"] }],
      ["apiserver-etcd-client", etcd, { commonName: "kube-apiserver-etcd-client", usages: ["client"] }],
    ];
    await Promise.all(leaves.map(async ([name, by, leaf]) => pki.#write(name, await by.issue(leaf))));
    await Promise.all(
      Object.entries(PEOPLE).map(async ([name, subject]) => await pki.kubeconfigFile(`${name}.conf`, subject)),
    );
    return pki;
  }

  /** Those of a cluster that was made before, to issue more. */
  static async read(options: Pick<PkiOptions, "folder" | "server">): Promise<Pki> {
    const [cert, key] = ["ca.crt", "ca.key"].map((name) => readFileSync(join(options.folder, "pki", name), "utf8"));
    return new Pki({ ...options, hosts: [] }, await Authority.read({ cert: cert ?? "", key: key ?? "" }));
  }

  /** A file below `pki/`: `path("apiserver.crt")`. */
  path(name: string): string {
    return join(this.folder, "pki", name);
  }

  /** The cluster's authority, PEM. */
  get ca(): string {
    return this.#ca.cert;
  }

  /** A certificate of the cluster's authority, for clients and kubelets' servers. */
  async issue(leaf: Leaf): Promise<Pair> {
    return await this.#ca.issue(leaf);
  }

  /** The same, in `NAME.crt` and `NAME.key`; returns the path without the ending. */
  async issueFiles(name: string, leaf: Leaf): Promise<string> {
    this.#write(name, await this.issue(leaf));
    return this.path(name);
  }

  /** Issues a client certificate and writes a kubeconfig that holds it; returns its path. `server` as the client sees it. */
  async kubeconfigFile(name: string, subject: Subject, server = this.server): Promise<string> {
    const { cert, key } = await this.issue({ ...subject, usages: ["client"] });
    return this.writeKubeconfig(name, { name: subject.commonName, user: { certificate: cert, key } }, server);
  }

  /** Writes a kubeconfig for any kind of identity; returns its path. */
  writeKubeconfig(name: string, identity: Identity, server = this.server): string {
    const file = join(this.folder, name);
    writeFileSync(file, kubeconfig({ server, ca: this.ca, identity }), { mode: 0o600 });
    return file;
  }

  #write(name: string, { cert, key }: Pair): void {
    mkdirSync(dirname(this.path(name)), { recursive: true, mode: 0o700 });
    writeFileSync(this.path(`${name}.crt`), cert);
    writeFileSync(this.path(`${name}.key`), key, { mode: 0o600 });
  }
}

/** User name in the certificate that the API server shows to kubelets. */
export const KUBELET_CLIENT = "kube-apiserver-kubelet-client";
/** kubeadm binds this group to cluster-admin; people's kubeconfig has it. */
export const ADMINS = "kubeadm:cluster-admins";

/** Names of the API server as pods see it, in kubeadm's default domain. */
const NAMES = ["", ".default", ".default.svc", ".default.svc.cluster.local"].map((tail) => `kubernetes${tail}`);

const PEOPLE: Readonly<Record<string, Subject>> = {
  admin: { commonName: "kubernetes-admin", organizations: [ADMINS] },
  // Needs no binding, and so makes the first ones.
  "super-admin": { commonName: "kubernetes-super-admin", organizations: ["system:masters"] },
  "controller-manager": { commonName: "system:kube-controller-manager" },
  scheduler: { commonName: "system:kube-scheduler" },
};

/** Who a kubelet is to the Node authorizer. */
export function nodeSubject(name: string): Subject {
  return { commonName: `system:node:${name}`, organizations: ["system:nodes"] };
}
