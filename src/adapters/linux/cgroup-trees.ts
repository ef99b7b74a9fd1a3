import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KubeletError } from "../../base/fault.ts";
import { parseMountinfo } from "./mountinfo.ts";

/** Where one hierarchy is mounted, and which controllers it carries ("systemd" for name=systemd; none on v2). */
export interface CgroupTree {
  readonly mountPoint: string;
  readonly controllers: readonly string[];
}

/** What a v1 host must have mounted for a kubelet. */
const NEEDED = ["cpu", "cpuacct", "cpuset", "memory"];

/** On v1 a cgroup is there when it is in each of these that is mounted; others (freezer, blkio, …) are the runtime's business. */
export const EXISTENCE_CONTROLLERS = ["cpu", "cpuacct", "cpuset", "memory", "systemd", "pids", "hugetlb"];

/**
 * v1 hierarchies below `root` (/sys/fs/cgroup). A controller mounted twice counts where the path is shortest.
 * @throws KubeletError `start-refused` where one is missing that the kubelet needs
 */
export function v1Trees(
  root: string,
  mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8"),
): readonly CgroupTree[] {
  const places = new Map<string, string>();
  for (const { type, target, superOptions } of parseMountinfo(mountinfo)) {
    if (type !== "cgroup" || !`${target}/`.startsWith(join(root, "/"))) continue;
    for (const controller of superOptions.flatMap(controllerOf)) {
      const had = places.get(controller);
      if (had === undefined || target.length < had.length) places.set(controller, target);
    }
  }
  const missing = NEEDED.filter((controller) => !places.has(controller));
  if (missing.length > 0) throw notMounted(missing, root);
  const mountPoints = [...new Set(places.values())];
  return mountPoints.map((mountPoint) => ({
    mountPoint,
    controllers: [...places].filter(([, place]) => place === mountPoint).map(([controller]) => controller),
  }));
}

// Super options also hold rw, release_agent=… and the like; of those only names of controllers have no "=".
function controllerOf(option: string): readonly string[] {
  if (option.startsWith("name=")) return [option.slice("name=".length)];
  return option.includes("=") || NOT_CONTROLLERS.has(option) ? [] : [option];
}

const NOT_CONTROLLERS = new Set(["rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "seclabel", ""]);

const notMounted = (missing: readonly string[], root: string) =>
  new KubeletError(
    `system validation failed - Following Cgroup subsystem not mounted: [${missing.join(" ")}]; mount them below ${root}`,
    { code: "start-refused", what: "cgroup hierarchies" },
  );
