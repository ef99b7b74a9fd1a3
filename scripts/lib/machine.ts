/**
 * What a run can leave on the machine, read from /proc and /sys: processes, mounts, cgroups. For comparing before and after, and for cleaning up what a killed
 * run left.
 */
import { readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "./run.ts";
import { waitFor } from "./wait.ts";

export interface Mount {
  readonly target: string;
  readonly type: string;
  readonly source: string;
  /** Options of the file system itself: for cgroup v1, the controllers. */
  readonly options: readonly string[];
}

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Kernel ticks at start: with the pid, an identity. */
  readonly started: string;
  readonly command: string;
  /** Ended, and not yet taken note of by its parent. */
  readonly ended: boolean;
  readonly cgroups: string;
}

/** Mounts of this process's mount namespace, in the order they were made. */
export function listMounts(): Mount[] {
  return linesOf("/proc/self/mountinfo").map((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [type = "", source = "", options = ""] = after.split(" ");
    return {
      target: unescaped(before.split(" ")[4] ?? ""),
      type,
      source: unescaped(source),
      options: options.split(","),
    };
  });
}

/** Every process but kernel threads. One that ends while we look is left out. */
export function listProcesses(): Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    try {
      const folder = join("/proc", name);
      const command = readFileSync(join(folder, "cmdline"), "utf8").replaceAll("\0", " ").trim();
      // The name in parentheses may hold spaces and parentheses itself; fields are counted from the last one.
      const stat = readFileSync(join(folder, "stat"), "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const cgroups = readFileSync(join(folder, "cgroup"), "utf8");
      const ended = fields[0] === "Z";
      // Without a command line it is a kernel thread, or has ended.
      if (command === "" && !ended) return [];
      const shown = command || "(ended)";
      return [
        { pid: Number(name), parent: Number(fields[1]), started: fields[19] ?? "", command: shown, ended, cgroups },
      ];
    } catch {
      return [];
    }
  });
}

/** Where each cgroup v1 controller is mounted; on a v2 machine, the one unified tree. */
export function cgroupMounts(): string[] {
  const mounts = listMounts();
  const v1 = mounts.filter(
    ({ type, options }) => type === "cgroup" && !options.some((option) => option.startsWith("name=")),
  );
  return (v1.length > 0 ? v1 : mounts.filter(({ type }) => type === "cgroup2")).map(({ target }) => target);
}

/** All groups below a folder of a cgroup tree, deepest first. */
export function cgroupsUnder(folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch {
    return [];
  }
  return entries.flatMap((name) => [...cgroupsUnder(join(folder, name)), join(folder, name)]);
}

/** Removes a cgroup and all below it in every tree. Its processes must have ended or be about to: waits for them a little. */
export async function removeCgroup(path: string): Promise<void> {
  // All trees, also those that no kubelet limits anything in: runc makes its groups in systemd's and, beside v1, in the unified one.
  for (const { target, type } of listMounts()) {
    if (type !== "cgroup" && type !== "cgroup2") continue;
    const root = join(target, path);
    await waitFor(
      `the processes in ${root} to end`,
      () => {
        for (const group of [...cgroupsUnder(root), root]) removeIfThere(group);
        return true;
      },
      { timeout: 5000 },
    );
  }
}

function removeIfThere(group: string): void {
  try {
    rmdirSync(group);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Takes off every mount at or below a folder, the last one first. */
export async function unmountUnder(folder: string): Promise<void> {
  const targets = listMounts().flatMap(({ target }) =>
    target === folder || target.startsWith(`${folder}/`) ? [target] : [],
  );
  // Lazily: whatever still uses one keeps it until it ends, and the next run is not in its way.
  for (const target of targets.reverse()) await tryRun("umount", ["-l", target]);
}

/** The network namespace of a process, as the kernel names it, or undefined when the process has ended. */
export function networkOf(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** /proc writes blanks and backslashes in paths as octal. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
