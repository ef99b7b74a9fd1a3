/** A comparison of the machine before and after a run. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cgroupMounts, cgroupsUnder, listMounts, listProcesses, type Process } from "./machine.ts";

/** Keyed by what makes a thing the same thing; the value is what a person is shown. */
export interface MachineState {
  readonly processes: ReadonlyMap<string, string>;
  readonly mounts: ReadonlyMap<string, string>;
  readonly cgroups: ReadonlyMap<string, string>;
  readonly interfaces: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, string>;
}

/** Folders outside any root directory where a runtime or CNI plugin could leave something. */
const SHARED_FOLDERS = [
  "/tmp",
  "/run/netns",
  "/run/containerd",
  "/run/containerd/s",
  "/run/containerd/runc/k8s.io",
  "/run/runc",
  "/var/lib/cni",
  "/var/lib/kubelet",
  "/var/log/pods",
  "/var/log/containers",
  "/opt",
  "/etc/cni",
];

/** What exists now. `folders` are looked at (one level) besides the usual places. */
export function machineState(folders: readonly string[] = []): MachineState {
  return {
    processes: new Map(
      listProcesses()
        .filter((one) => !isInitsBusiness(one))
        .map(({ pid, started, command, cgroups }) => [`${pid} ${started}`, `process ${pid}: ${command} ${cgroups}`]),
    ),
    mounts: counted(listMounts().map(({ target, type, source }) => `mount ${target} (${type} from ${source})`)),
    cgroups: same(
      cgroupMounts()
        .flatMap(cgroupsUnder)
        .map((path) => `cgroup ${path}`),
    ),
    interfaces: same(readdirSync("/sys/class/net").map((name) => `interface ${name}`)),
    files: same([...SHARED_FOLDERS, ...folders].flatMap(entriesOf).map((path) => `file ${path}`)),
  };
}

/**
 * One line for each thing that is there after and was not before. With `mentioning`, only those in whose command line, cgroup or path one of these texts
 * occurs: on a machine that does other things at the same time, name the run's own folder and cgroup.
 */
export function leaks(before: MachineState, after: MachineState, mentioning: readonly string[] = [""]): string[] {
  const kinds = ["processes", "mounts", "cgroups", "interfaces", "files"] as const;
  const appeared = kinds.flatMap((kind) =>
    [...after[kind]].flatMap(([key, shown]) => (before[kind].has(key) ? [] : [shown])),
  );
  return appeared
    .filter((line) => mentioning.some((text) => line.includes(text)))
    .map((line) => line.split("\n")[0] ?? line);
}

/** An orphan that has ended and waits for init to take note holds nothing but its number. */
function isInitsBusiness({ ended, parent }: Process): boolean {
  return ended && parent === 1;
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function same(keys: readonly string[]): Map<string, string> {
  return new Map(keys.map((key) => [key, key]));
}

/** The same target can be mounted over several times; each layer counts. */
function counted(lines: readonly string[]): Map<string, string> {
  const seen = new Map<string, number>();
  return new Map(
    lines.map((line) => {
      const count = (seen.get(line) ?? 0) + 1;
      seen.set(line, count);
      return [`${line} #${count}`, line];
    }),
  );
}
