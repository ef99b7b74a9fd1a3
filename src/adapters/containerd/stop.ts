import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { findRunning, isAlive, listByCommand, removeRecord } from "./identity.ts";
import { mountsBelow } from "./mounts.ts";
import { bridgesOf, type NetworkNames, networkNames, type RuntimePaths, runtimePaths } from "./paths.ts";
import { stopProcess } from "./process.ts";
import { run, runOk } from "./run.ts";

const SHIM_SOCKETS = "/run/containerd/s";
const CNI_RESULTS = "/var/lib/cni/results";

/**
 * Ends the embedded runtime of a root directory and everything it made outside of that directory: containers that were left,
 * shims, mounts, sockets, bridge, firewall rules. For the demo and tests, after the pods were stopped; a kubelet never calls it.
 * Has to run in the network and mount namespace that containerd ran in. Goes on after a failing step and logs it.
 */
export async function stopEmbedded(
  rootDir: string,
  deps: { readonly log: Log; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const paths = runtimePaths(rootDir);
  const names = networkNames(rootDir);
  const ids = containerIds(paths);
  const steps: readonly (readonly [string, () => unknown])[] = [
    ["stop containerd", () => stopContainerd(paths, deps.clock, signal)],
    ["remove containers", () => removeContainers(paths, signal)],
    ["stop shims", () => stopShims(paths, deps.clock, signal)],
    ["unmount", () => unmountAll(rootDir, signal)],
    ["remove sockets", () => removeSockets(paths, ids)],
    ["remove network", () => removeNetwork(rootDir, signal)],
    ["remove CNI results", () => removeResults(names)],
  ];
  for (const [what, step] of steps) {
    try {
      await step();
    } catch (error) {
      signal.throwIfAborted();
      deps.log.error("Cannot clean up embedded containerd", { step: what, err: messageOf(error) });
    }
  }
}

async function stopContainerd(paths: RuntimePaths, clock: Clock, signal: AbortSignal): Promise<void> {
  const running = findRunning(paths);
  if (running) await stopProcess(running, clock, signal);
  removeRecord(paths.pidFile);
}

const bundles = (paths: RuntimePaths): string => join(paths.state, "io.containerd.runtime.v2.task/k8s.io");
const runcRoot = (paths: RuntimePaths): string => join(paths.state, "runc/k8s.io");
const containerIds = (paths: RuntimePaths): readonly string[] => [
  ...new Set([bundles(paths), runcRoot(paths)].flatMap(namesIn)),
];

async function removeContainers(paths: RuntimePaths, signal: AbortSignal): Promise<void> {
  const left = namesIn(runcRoot(paths));
  if (left.length === 0) return;
  const { facts } = JSON.parse(readFileSync(paths.facts, "utf8"));
  for (const id of left) await run(facts.ociRuntime, ["--root", runcRoot(paths), "delete", "--force", id], signal);
}

async function stopShims(paths: RuntimePaths, clock: Clock, signal: AbortSignal): Promise<void> {
  const isOurs = (args: readonly string[]) =>
    args[0]?.endsWith("containerd-shim-runc-v2") === true && args[args.indexOf("-address") + 1] === paths.socket;
  for (const shim of listByCommand(isOurs)) {
    process.kill(shim.pid, "SIGKILL");
    while (isAlive(shim)) await clock.sleep(millis(5), signal);
  }
}

async function unmountAll(rootDir: string, signal: AbortSignal): Promise<void> {
  for (const target of mountsBelow(rootDir)) {
    const { code } = await run("umount", [target], signal);
    if (code !== 0) await runOk("umount", ["--lazy", target], signal);
  }
}

/** A shim's socket is named by a digest of containerd's address, the namespace and the id. Only a killed shim leaves it behind. */
function removeSockets(paths: RuntimePaths, ids: readonly string[]): void {
  for (const id of ids) {
    const digest = createHash("sha256")
      .update(join(paths.socket, "k8s.io", id))
      .digest("hex");
    for (const folder of [SHIM_SOCKETS, paths.shimSockets]) rmSync(join(folder, digest), { force: true });
  }
  for (const socket of [paths.socket, paths.ttrpcSocket]) rmSync(socket, { force: true });
  removeIfEmpty(SHIM_SOCKETS);
  removeIfEmpty("/run/containerd");
}

async function removeNetwork(rootDir: string, signal: AbortSignal): Promise<void> {
  const { network } = networkNames(rootDir);
  // Not /sys/class/net: that shows the network namespace in which /sys was mounted.
  const devices = readFileSync("/proc/self/net/dev", "utf8");
  for (const bridge of bridgesOf(rootDir))
    if (devices.includes(`${bridge}:`)) await runOk("ip", ["link", "delete", bridge], signal);
  for (const family of ["iptables", "ip6tables"]) {
    const saved = await run(`${family}-save`, ["-t", "nat"], signal).catch(() => undefined);
    if (saved?.code !== 0) continue;
    for (const args of firewallRemoval(saved.stdout, network)) await run(family, ["-t", "nat", ...args], signal);
  }
}

/**
 * From `iptables-save`, the commands that remove what the bridge and portmap plugins made for one network: rules whose comment
 * names it, then the chains of single containers that they lead to.
 */
export function firewallRemoval(saved: string, network: string): readonly (readonly string[])[] {
  const ours = saved.split("\n").filter((line) => line.startsWith("-A ") && line.includes(`name: \\"${network}\\"`));
  const chains = ours
    .map((line) => / -j (CNI-(?:DN-|SN-)?[0-9a-f]+)$/.exec(line)?.[1])
    .filter((chain) => chain !== undefined);
  const unique = [...new Set(chains)];
  return [
    ...ours
      .map((line) => words(line))
      .filter(([, chain]) => !unique.includes(chain ?? ""))
      .map((args) => ["-D", ...args.slice(1)]),
    ...unique.map((chain) => ["-F", chain]),
    ...unique.map((chain) => ["-X", chain]),
  ];
}

/** Splits a line of `iptables-save`: words, and quoted text with backslashes. */
const words = (line: string): readonly string[] =>
  (line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word,
  );

/** libcni keeps them at a fixed place, whatever containerd is told (go-cni has no option for it). */
function removeResults({ network }: NetworkNames): void {
  for (const name of namesIn(CNI_RESULTS).filter((entry) => entry.startsWith(`${network}-`))) {
    const id = name.slice(network.length + 1).replace(/-eth0$/, "");
    rmSync(join(CNI_RESULTS, name), { force: true });
    rmSync(join(CNI_RESULTS, `cni-loopback-${id}-lo`), { force: true });
  }
  removeIfEmpty(CNI_RESULTS);
  removeIfEmpty("/var/lib/cni");
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // somebody else's things are in it, or it is absent
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
