import { createHash } from "node:crypto";
import { join } from "node:path";

/** Where everything of one embedded runtime lies. Nothing here reads the disk. */
export interface RuntimePaths {
  /** `<root>/runtime` */
  readonly home: string;
  readonly config: string;
  readonly log: string;
  /** Who the running containerd is; see identity.ts. */
  readonly pidFile: string;
  /** What was found out about this machine; see facts.ts. */
  readonly facts: string;
  /** Images and containers: survives a reboot. */
  readonly root: string;
  /** Sockets, shim bundles, runc's state: void after a reboot. */
  readonly state: string;
  readonly socket: string;
  readonly ttrpcSocket: string;
  /** `unix://` and the socket: what the CRI client connects to. */
  readonly endpoint: string;
  /** Links to the CNI plugins, because containerd 1.6 takes one folder only. */
  readonly cniBin: string;
  readonly cniConf: string;
  /** host-local's address book. */
  readonly cniNetworks: string;
  /** Registry configuration: `<host>/hosts.toml`. */
  readonly certs: string;
  readonly pauseArchive: string;
  /** Shim sockets, where containerd lets us choose (2.3 and later) and the path is short enough. */
  readonly shimSockets: string;
}

export function runtimePaths(rootDir: string): RuntimePaths {
  const home = join(rootDir, "runtime");
  const at = (name: string) => join(home, name);
  return {
    home,
    config: at("containerd.toml"),
    log: at("containerd.log"),
    pidFile: at("containerd.pid"),
    facts: at("facts.json"),
    root: at("containerd"),
    state: at("state"),
    socket: at("containerd.sock"),
    ttrpcSocket: at("containerd.sock.ttrpc"),
    endpoint: `unix://${at("containerd.sock")}`,
    cniBin: at("cni/bin"),
    cniConf: at("cni/net.d"),
    cniNetworks: at("cni/networks"),
    certs: at("certs.d"),
    pauseArchive: at("pause.tar"),
    shimSockets: at("s"),
  };
}

/** Name of the CNI network and its bridge. Interface names end at 15 bytes. */
export interface NetworkNames {
  readonly network: string;
  readonly bridge: string;
}

/** The usual root directory has names a person can guess; any other gets a digest, so that two kubelets on one host keep apart. */
export function networkNames(rootDir: string): NetworkNames {
  if (rootDir === "/var/lib/kubelet") return { network: "kubelet", bridge: "kubelet0" };
  const digest = createHash("sha256").update(rootDir).digest("hex").slice(0, 8);
  return { network: `kubelet-${digest}`, bridge: `kube-${digest}` };
}

/** Every name a bridge of this root directory may have, the usual one first: each new range of pod addresses takes the next. */
export function bridgesOf(rootDir: string): readonly string[] {
  const { bridge } = networkNames(rootDir);
  const usual = bridge === "kubelet0" ? "kubelet" : `${bridge}-`;
  return [bridge, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((place) => `${usual}${place}`)];
}

/** Longest path that fits into a sockaddr_un, its ending zero byte left out (unix(7)). */
export const SOCKET_PATH_MAX = 107;
