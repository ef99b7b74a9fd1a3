import { readFileSync, statSync } from "node:fs";
import { runtimePaths } from "./paths.ts";

export interface DriverFacts {
  /** `cgroupDriver`, where somebody set it. */
  readonly given: "cgroupfs" | "systemd" | undefined;
  readonly cgroupVersion: 1 | 2;
  /** systemd manages this machine: sd_booted(3). */
  readonly systemd: boolean;
  /** What the embedded containerd was configured with last; undefined: there was none. */
  readonly before: "cgroupfs" | "systemd" | undefined;
}

/**
 * The cgroup driver of the embedded runtime. systemd's where systemd rules a unified tree, since two writers of one tree undo each other's work; but a
 * node keeps the one it has: its pods' cgroups lie where that put them.
 */
export const embeddedCgroupDriver = ({ given, cgroupVersion, systemd, before }: DriverFacts): "cgroupfs" | "systemd" =>
  given ?? before ?? (systemd && cgroupVersion === 2 ? "systemd" : "cgroupfs");

/** Looks at the machine, and at what an earlier kubelet wrote for the containerd of this root directory. */
export function driverFacts(rootDir: string, given: DriverFacts["given"], cgroupVersion: 1 | 2): DriverFacts {
  return { given, cgroupVersion, systemd: systemdRuns(), before: driverInConfig(textOf(runtimePaths(rootDir).config)) };
}

export const driverInConfig = (config: string): DriverFacts["before"] => {
  const said = /^\s*SystemdCgroup = (true|false)$/m.exec(config)?.[1];
  return said === undefined ? undefined : said === "true" ? "systemd" : "cgroupfs";
};

const systemdRuns = (): boolean => statSync("/run/systemd/system", { throwIfNoEntry: false })?.isDirectory() ?? false;

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
