/** The flags of the control plane's programs: kubeadm's of v1.37, without leader election and with etcd not waiting for the disk. */
import { join } from "node:path";
import type { Pki } from "./pki.ts";

export interface Places {
  readonly pki: Pki;
  readonly address: string;
  /** etcd's. */
  readonly dataDir: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
}

export function etcdArgs({ pki, dataDir }: Places): readonly string[] {
  return [
    "--name=etcd",
    `--data-dir=${dataDir}`,
    // The data of a cluster for tests and play is not worth a wait for the disk at each write.
    "--unsafe-no-fsync",
    "--listen-client-urls=https://127.0.0.1:2379",
    "--advertise-client-urls=https://127.0.0.1:2379",
    "--listen-peer-urls=http://127.0.0.1:2380",
    "--initial-advertise-peer-urls=http://127.0.0.1:2380",
    "--initial-cluster=etcd=http://127.0.0.1:2380",
    "--listen-metrics-urls=http://127.0.0.1:2381",
    "--client-cert-auth",
    `--trusted-ca-file=${pki.path("etcd/ca.crt")}`,
    ...pair(pki, "etcd/server", "--cert-file", "--key-file"),
    "--log-level=warn",
    // The API server asks for progress of its watch caches.
    "--watch-progress-notify-interval=5s",
  ];
}

export function apiServerArgs({ pki, address, serviceCidr }: Places): readonly string[] {
  return [
    "--bind-address=0.0.0.0",
    `--advertise-address=${address}`,
    "--secure-port=6443",
    "--allow-privileged=true",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--enable-bootstrap-token-auth=true",
    "--etcd-servers=https://127.0.0.1:2379",
    `--etcd-cafile=${pki.path("etcd/ca.crt")}`,
    ...pair(pki, "apiserver-etcd-client", "--etcd-certfile", "--etcd-keyfile"),
    `--client-ca-file=${pki.path("ca.crt")}`,
    ...pair(pki, "apiserver", "--tls-cert-file", "--tls-private-key-file"),
    ...pair(pki, "apiserver-kubelet-client", "--kubelet-client-certificate", "--kubelet-client-key"),
    // Not names: with them, exec and logs would look the node's name up in DNS, which nobody serves here.
    "--kubelet-preferred-address-types=InternalIP",
    ...pair(pki, "front-proxy-client", "--proxy-client-cert-file", "--proxy-client-key-file"),
    `--requestheader-client-ca-file=${pki.path("front-proxy-ca.crt")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    "--enable-aggregator-routing=true",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${pki.path("sa.pub")}`,
    `--service-account-signing-key-file=${pki.path("sa.key")}`,
    `--service-cluster-ip-range=${serviceCidr}`,
  ];
}

export function controllerManagerArgs({ pki, podCidr, serviceCidr }: Places): readonly string[] {
  const kubeconfig = join(pki.folder, "controller-manager.conf");
  return [
    "--bind-address=127.0.0.1",
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
    "--use-service-account-credentials=true",
    // At its own 20 requests a second it would take five seconds only to make its controllers' accounts.
    "--kube-api-qps=200",
    "--kube-api-burst=400",
    "--allocate-node-cidrs=true",
    `--cluster-cidr=${podCidr}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    `--client-ca-file=${pki.path("ca.crt")}`,
    `--root-ca-file=${pki.path("ca.crt")}`,
    ...pair(pki, "ca", "--cluster-signing-cert-file", "--cluster-signing-key-file"),
    `--service-account-private-key-file=${pki.path("sa.key")}`,
    `--requestheader-client-ca-file=${pki.path("front-proxy-ca.crt")}`,
  ];
}

export function schedulerArgs({ pki }: Places): readonly string[] {
  const kubeconfig = join(pki.folder, "scheduler.conf");
  return [
    "--bind-address=127.0.0.1",
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
  ];
}

function pair(pki: Pki, name: string, certFlag: string, keyFlag: string): readonly string[] {
  return [`${certFlag}=${pki.path(`${name}.crt`)}`, `${keyFlag}=${pki.path(`${name}.key`)}`];
}
