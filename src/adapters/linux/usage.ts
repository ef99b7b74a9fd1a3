import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupUsage, UsageFiles } from "../../ports/usage.ts";
import { v1Trees } from "./cgroup-trees.ts";
import { processesBelow } from "./cgroups.ts";
import { doing, errnoOf, refused } from "./fault.ts";
import { isOfPods, parseBootTime, parseInterfaces, usageV1, usageV2 } from "./usage-text.ts";

export interface UsageOptions {
  readonly version: 1 | 2;
  /** Usually /sys/fs/cgroup. */
  readonly root: string;
}

/** Files of cgroups and of /proc, read when asked. */
export function createUsage({ version, root }: UsageOptions): UsageFiles {
  const trees = version === 1 ? v1Trees(root) : [{ mountPoint: root, controllers: [] }];
  const place = (controller: string): string =>
    (version === 1 ? trees.find(({ controllers }) => controllers.includes(controller))?.mountPoint : root) ?? root;
  const read = version === 1 ? readV1 : readV2;
  return {
    bootedAt: async () => parseBootTime((await textOf("/proc/stat")) ?? ""),
    cgroup: (path) => doing("read usage of cgroup", path, () => read(place, checked(path))),
    async ownCgroup() {
      const own = (await textOf("/proc/self/cgroup")) ?? "";
      const line = version === 2 ? /^0::(.*)$/m : /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m;
      return line.exec(own)?.[1] ?? "/";
    },
    nodeInterfaces: async () =>
      parseInterfaces((await textOf("/proc/self/net/dev")) ?? "").filter((one) => !isOfPods(one)),
    interfacesIn: (cgroup) =>
      doing("read processes of cgroup", cgroup, async () => {
        for (const pid of await processesBelow(join(place("memory"), checked(cgroup)))) {
          // One that has just ended has nothing to tell.
          const text = await textOf(`/proc/${pid}/net/dev`).catch(() => undefined);
          if (text !== undefined) return parseInterfaces(text);
        }
        return undefined;
      }),
  };
}

type Place = (controller: string) => string;

async function readV1(place: Place, path: string): Promise<CgroupUsage | undefined> {
  const memory = (file: string) => textOf(join(place("memory"), path, file));
  const [cpuacctUsage, usage, limit, stat, swapLimit, pids] = await Promise.all([
    textOf(join(place("cpuacct"), path, "cpuacct.usage")),
    memory("memory.usage_in_bytes"),
    memory("memory.limit_in_bytes"),
    memory("memory.stat"),
    memory("memory.memsw.limit_in_bytes"),
    textOf(join(place("pids"), path, "pids.current")),
  ]);
  if (cpuacctUsage === undefined && usage === undefined) return undefined;
  return usageV1({ cpuacctUsage, usage, limit, stat, swapLimit, pids }, Date.now());
}

async function readV2(place: Place, path: string): Promise<CgroupUsage | undefined> {
  const file = (name: string) => textOf(join(place(""), path, name));
  const isRoot = path.split("/").every((part) => part === "");
  const [cpuStat, usage, limit, stat, swapUsage, swapLimit, pids, meminfo] = await Promise.all([
    file("cpu.stat"),
    file("memory.current"),
    file("memory.max"),
    file("memory.stat"),
    file("memory.swap.current"),
    file("memory.swap.max"),
    file("pids.current"),
    isRoot ? textOf("/proc/meminfo") : undefined,
  ]);
  if (cpuStat === undefined && usage === undefined) return undefined;
  return usageV2({ cpuStat, usage, limit, stat, swapUsage, swapLimit, pids }, Date.now(), meminfo);
}

function checked(path: string): string {
  if (path.startsWith("/") && !path.split("/").includes("..")) return path;
  throw refused("use cgroup", path, "EINVAL", "need an absolute path without '..'");
}

/** What reading says of a file that is not there, of a cgroup that goes meanwhile (ENODEV), of a process that does (ESRCH). */
const GONE = ["ENOENT", "ENOTDIR", "ENODEV", "ESRCH"];

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (GONE.includes(errnoOf(error))) return undefined;
    throw error;
  }
}
