/** The folder of a person's cluster, and what is written there about its keeper: found again by later commands, and after a crash or a reboot. */
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listProcesses } from "../lib/machine.ts";

export const RUNTIMES = ["embedded", "embedded 2.4", "1.6", "2.4"] as const;

/** What was asked for. */
export interface ClusterChoice {
  readonly kubelet: "ours" | "go";
  /** "embedded": the kubelet starts the containerd of this machine; a version: it is given that containerd's socket. */
  readonly runtime: (typeof RUNTIMES)[number];
  /** CoreDNS and kube-proxy. */
  readonly addOns: boolean;
}

/** What a person types for a verb: `command("down")`. */
export type Command = (verb: string) => string;

export interface Place {
  readonly name: string;
  readonly folder: string;
  /** As `cgroupRoot` takes it, without the slash: unique on this machine. */
  readonly cgroup: string;
  readonly state: string;
  /** What the keeper says. */
  readonly log: string;
  /** For shells outside of the cluster's network. */
  readonly kubeconfig: string;
  /** Inside of it. */
  readonly insideKubeconfig: string;
  /** Certificates, etcd, logs of the control plane. */
  readonly plane: string;
  readonly node: string;
  readonly registry: string;
  /** Programs for people: goes onto their PATH. */
  readonly bin: string;
  readonly dist: string;
  /** Sends names to the cluster's DNS. */
  readonly resolvConf: string;
}

/** Short: the path of containerd's sockets below it may have 77 bytes. */
const PARENT = "/tmp";
const PREFIX = "kubelet-ts-cluster";
export const DEFAULT_NAME = "main";

export function placeOf(name: string): Place {
  if (!/^[a-z0-9][a-z0-9-]{0,15}$/.test(name))
    throw new Error(`"${name}" cannot be a cluster's name: at most 16 lower case letters, digits and "-"`);
  const base = name === DEFAULT_NAME ? PREFIX : `${PREFIX}-${name}`;
  const folder = join(PARENT, base);
  const at = (...parts: readonly string[]) => join(folder, ...parts);
  return {
    ...{ name, folder, cgroup: base, state: at("state.json"), log: at("keeper.log"), kubeconfig: at("kubeconfig") },
    ...{ plane: at("plane"), node: at("node"), registry: at("registry"), bin: at("bin"), dist: at("dist") },
    ...{ insideKubeconfig: at("plane", "admin.conf"), resolvConf: at("resolv.conf") },
  };
}

/** Makes the folder of a new cluster. Others may pass through it, to the kubeconfig, and see nothing else. */
export function makePlace(place: Place): void {
  mkdirSync(place.folder, { mode: 0o711 });
  for (const folder of [place.plane, place.node, place.registry, place.bin]) mkdirSync(folder);
}

export interface StepDone {
  readonly title: string;
  /** Milliseconds, or undefined while it goes on. */
  readonly took?: number;
}

/** What the keeper writes about itself. */
export interface KeeperState {
  readonly phase: "starting" | "up" | "failed" | "stopping";
  readonly pid: number;
  /** Kernel ticks at start: with pid and boot, an identity. */
  readonly started: string;
  readonly boot: string;
  readonly choice: ClusterChoice;
  readonly steps: readonly StepDone[];
  /** Why it failed. */
  readonly problem?: string;
}

export type Found =
  | { readonly kind: "none" }
  /** A keeper is there: coming up, up, or going. */
  | { readonly kind: "kept"; readonly state: KeeperState }
  /** Its keeper is not there any more; `why` completes "a cluster that …". */
  | { readonly kind: "left"; readonly state: KeeperState | undefined; readonly why: string };

export function findCluster(place: Place): Found {
  if (!existsSync(place.folder)) return { kind: "none" };
  refuseOthers(place.folder);
  const state = readState(place);
  if (state === undefined) return { kind: "left", state, why: "was broken off before it began" };
  if (state.boot !== bootId()) return { kind: "left", state, why: "this machine's restart ended" };
  if (isAlive(state)) return { kind: "kept", state };
  return { kind: "left", state, why: state.phase === "failed" ? "could not start" : "was killed" };
}

/** The state is replaced whole, so it is old or new, never half. */
export function writeState(place: Place, state: KeeperState): void {
  const unfinished = `${place.state}.new`;
  writeFileSync(unfinished, JSON.stringify(state));
  renameSync(unfinished, place.state);
}

export function readState(place: Place): KeeperState | undefined {
  try {
    return JSON.parse(readFileSync(place.state, "utf8"));
  } catch {
    return undefined;
  }
}

export function isAlive({ pid, started }: Pick<KeeperState, "pid" | "started">): boolean {
  return listProcesses().some((one) => one.pid === pid && one.started === started && !one.ended);
}

/** Who this process is, for a state of its own. */
export function self(): Pick<KeeperState, "pid" | "started" | "boot"> {
  const found = listProcesses().find(({ pid }) => pid === process.pid);
  if (found === undefined) throw new Error(`find process ${process.pid} in /proc: it is not there`);
  return { pid: found.pid, started: found.started, boot: bootId() };
}

export function removeFolder(place: Place): void {
  rmSync(place.folder, { recursive: true, force: true });
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** /tmp is everybody's: what somebody else has put there under our name is not ours to trust or remove. */
function refuseOthers(folder: string): void {
  const stat = lstatSync(folder);
  if (stat.isDirectory() && stat.uid === process.getuid?.()) return;
  throw new Error(`${folder} is not a folder of this user; remove it or choose another name with --name`);
}
