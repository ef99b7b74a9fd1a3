import { thresholdQuantity } from "../model/eviction-threshold.ts";
import { quantityUnits } from "../model/quantity.ts";
import type { RuntimeCondition } from "../model/runtime.ts";
import type { FilesystemSpace } from "../ports/node-facts.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

export interface SpaceFacts {
  /** "root directory". */
  readonly what: string;
  readonly path: string;
  /** undefined: it can't be read, for the reason `trouble`. */
  readonly space: FilesystemSpace | undefined;
  readonly trouble?: string;
  /** evictionHard by what it counts: "10%", "1Gi". */
  readonly available: string | undefined;
  readonly inodesFree: string | undefined;
}

/** Room, measured by what the kubelet will evict pods for. */
export function judgeSpace({ what, path, space, trouble, available, inodesFree }: SpaceFacts): readonly Finding[] {
  const about = `disk of ${what}`;
  if (space === undefined)
    return [problem(about, `${path}: ${trouble ?? "can't be read"}`, "look at that file system: mount, df")];
  const { capacityBytes, availableBytes, inodes, inodesFree: free } = space;
  const room = `${path}: ${gigabytes(availableBytes)} free of ${gigabytes(capacityBytes)}`;
  const least = amount(available, capacityBytes);
  if (availableBytes < least)
    return [
      problem(
        about,
        `${room}, less than evictionHard (${available}): pods will be evicted`,
        "make room, or use a larger disk",
      ),
    ];
  const leastInodes = amount(inodesFree, inodes);
  if (inodes > 0 && free < leastInodes)
    return [
      problem(
        about,
        `${path}: ${free} inodes free of ${inodes}, less than evictionHard (${inodesFree})`,
        "remove small files, or make a file system with more inodes",
      ),
    ];
  if (availableBytes < least * 1.5 || availableBytes < 2 ** 30)
    return [
      warning(
        about,
        `${room}, little more than evictionHard (${available ?? "none"})`,
        "make room before pods need it",
      ),
    ];
  return [ok(about, inodes > 0 ? `${room}, ${Math.round((free / inodes) * 100)} % of inodes` : room)];
}

/** What the kubelet itself makes of the threshold; 0 for none. */
const amount = (threshold: string | undefined, capacity: number): number =>
  threshold === undefined ? 0 : quantityUnits(thresholdQuantity(threshold, capacity));

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

export interface IdentityFacts {
  readonly kubeconfig: string;
  /** Why the kubeconfig is of no use to the node; undefined: it is. */
  readonly trouble: string | undefined;
  /** Of the client certificate; undefined: none in it (a token, a plugin). */
  readonly notAfter: Date | undefined;
  /** A bootstrap kubeconfig was named, and whether it is there. */
  readonly bootstrap: { readonly path: string; readonly there: boolean } | undefined;
  readonly rotates: boolean;
  readonly now: Date;
}

const DAY = 86_400_000;

/** Who this node is to its cluster. */
export function judgeIdentity(facts: IdentityFacts): readonly Finding[] {
  const { kubeconfig, trouble, notAfter, bootstrap, rotates, now } = facts;
  const about = "kubeconfig";
  if (trouble !== undefined) {
    if (bootstrap?.there) return [ok(about, `${trouble}; the node will ask for a certificate with ${bootstrap.path}`)];
    const advice = bootstrap
      ? `${bootstrap.path} is not there either: run kubeadm join, or make one with a bootstrap token`
      : "give --bootstrap-kubeconfig, or a kubeconfig with a valid client certificate";
    return [problem(about, trouble, advice)];
  }
  if (notAfter === undefined) return [ok(about, `${kubeconfig}, without a client certificate`)];
  const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY);
  const until = `${kubeconfig}, client certificate until ${notAfter.toISOString()}`;
  if (days < 30 && !rotates)
    return [
      warning(
        about,
        `${until}, and rotateCertificates is false`,
        "set rotateCertificates: true, or put a new certificate there in time",
      ),
    ];
  return [ok(about, until)];
}

/** @param trouble undefined: it is well, or none is wanted */
export function judgeClientCa(path: string, trouble: string | undefined): readonly Finding[] {
  if (path === "") return [];
  return [
    trouble === undefined
      ? ok("client CA", path)
      : problem(
          "client CA",
          `${path}: ${trouble}`,
          "authentication.x509.clientCAFile must be the CA of the API server's clients, ca.crt of the cluster",
        ),
  ];
}

export interface RuntimeFacts {
  readonly embedded: boolean;
  /** "" where it is our own and does not run yet. */
  readonly endpoint: string;
  /** Why it can't be used. */
  readonly trouble?: string;
  readonly version?: { readonly name: string; readonly version: string; readonly apiVersion: string };
  readonly ready?: RuntimeCondition;
  readonly network?: RuntimeCondition;
  /** Files in the folder of CNI configurations; for a runtime that is not our own. */
  readonly cniConfigs?: readonly string[];
}

export function judgeRuntime({
  embedded,
  endpoint,
  trouble,
  version,
  ready,
  network,
  cniConfigs,
}: RuntimeFacts): readonly Finding[] {
  const about = "container runtime";
  if (trouble !== undefined)
    return [
      problem(
        about,
        trouble,
        embedded
          ? "install what is missing, or name a running runtime with containerRuntimeEndpoint"
          : `start the runtime at ${endpoint}, or set containerRuntimeEndpoint (embedded: one of the kubelet's own)`,
      ),
    ];
  if (version === undefined) return [ok(about, "embedded: all its parts are there; it starts with the kubelet")];
  const named = `${version.name} ${version.version} at ${endpoint}, CRI ${version.apiVersion}`;
  return [
    ready?.status === false
      ? problem(about, `${named}: ${ready.message}`, "look at its log: journalctl -u containerd")
      : ok(about, named),
    ...(network?.status === false
      ? [
          warning(
            "pod network",
            `${network.message}${cniConfigs?.length === 0 ? "; /etc/cni/net.d holds no configuration" : ""}`,
            "in a cluster its network add-on brings it, when the node has joined; else put a CNI configuration into /etc/cni/net.d, plugins into /opt/cni/bin",
          ),
        ]
      : network
        ? [ok("pod network", cniConfigs?.length ? `ready (${cniConfigs.join(", ")})` : "ready")]
        : []),
  ];
}

/** Programs that the kubelet runs, or that pods' volumes and networks need. */
const PROGRAMS: readonly {
  readonly name: string;
  readonly level: "problem" | "warning";
  readonly why: string;
  readonly debian: string;
}[] = [
  { name: "mount", level: "problem", why: "volumes are mounted with it", debian: "mount" },
  { name: "umount", level: "problem", why: "volumes are unmounted with it", debian: "mount" },
  { name: "losetup", level: "warning", why: "block volumes need it", debian: "mount" },
  {
    name: "iptables",
    level: "warning",
    why: "kube-proxy, and the CNI plugins for host ports, use it",
    debian: "iptables",
  },
  { name: "modprobe", level: "warning", why: "kernel modules are loaded with it", debian: "kmod" },
];
export const PROGRAM_NAMES: readonly string[] = PROGRAMS.map(({ name }) => name);

/** @param found those of `PROGRAM_NAMES` that are there */
export function judgePrograms(found: readonly string[]): readonly Finding[] {
  const missing = PROGRAMS.filter(({ name }) => !found.includes(name));
  if (missing.length === 0) return [ok("programs", PROGRAM_NAMES.join(", "))];
  return missing.map(({ name, level, why, debian }) => ({
    about: `program ${name}`,
    level,
    found: `not found: ${why}`,
    advice: `apt-get install ${debian}`,
  }));
}
