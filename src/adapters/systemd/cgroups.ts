import { basename, dirname } from "node:path";
import { KubeletError } from "../../base/fault.ts";
import type { Cgroups, CgroupValues } from "../../ports/cgroups.ts";
import type { CgroupTrees } from "../linux/cgroups.ts";
import { sliceValues } from "./slice-properties.ts";
import type { Units } from "./units.ts";

const SUFFIX = ".slice";
const ROOT_SLICE = "-.slice";

/**
 * systemd driver: each cgroup of the kubelet is a slice that systemd is asked for, at the path that its name means
 * ("/kubepods.slice/kubepods-burstable.slice"). systemd owns the tree: a directory made behind its back would lose its controllers and values at
 * systemd's next look. What systemd does not know of (huge pages, controllers it would not enable) is written into the files after it.
 */
export function systemdCgroups(files: CgroupTrees, units: Units): Cgroups {
  const unitOf = (action: string, path: string): string => {
    const unit = basename(path);
    if (path === slicePath(unit)) return unit;
    throw refused(action, path, `it is not a slice's path, which would be like ${slicePath("kubepods-pod1.slice")}`);
  };
  const { version } = files;
  return {
    ...files,
    async create(path) {
      const unit = unitOf("make cgroup", path);
      const parent = dirname(path);
      await units.startSlice(unit, parent === "/" ? ROOT_SLICE : basename(parent));
      await files.create(path);
    },
    async write(path, values: CgroupValues) {
      const unit = unitOf("write values of cgroup", path);
      // systemd would take note of them for a unit that is not there. It may have taken controllers away meanwhile, which is no reason not to write.
      if ((await files.missingFrom(path)).length > 0) throw refused("write values of cgroup", path, "it is not there");
      const both = sliceValues(version, values, await units.version());
      await units.setProperties(unit, both.properties);
      // At its look systemd takes back what it was not asked for: the cpuset controller.
      await files.create(path);
      await files.write(path, both.values);
    },
    async destroy(path) {
      const unit = unitOf("remove cgroup", path);
      // First, or systemd would ask containers to stop and give them a minute and a half.
      await files.kill(path);
      await units.stop(unit);
      await files.destroy(path);
    },
  };
}

/** "a-b.slice" -> "/a.slice/a-b.slice"; a name that is none gives a path that no slice has. */
function slicePath(unit: string): string {
  if (!unit.endsWith(SUFFIX) || unit.includes("--")) return "";
  const parts = unit.slice(0, -SUFFIX.length).split("-");
  if (parts.some((part) => part === "")) return "";
  return parts.map((_, level) => `/${parts.slice(0, level + 1).join("-")}${SUFFIX}`).join("");
}

const refused = (action: string, path: string, why: string): KubeletError =>
  new KubeletError(`Cannot ${action} ${path}: ${why}`, { code: "file-failed", path, errno: "EINVAL" });
