/** A cgroup of the test's own in every controller, for `cgroupRoot`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cgroupMounts, listMounts, removeCgroup } from "../../scripts/lib/machine.ts";

export class CgroupRoot {
  /** As `cgroupRoot` wants it: below each tree's top, with a leading slash. */
  readonly path: string;

  /** `name` should be unique on the machine: a Scratch's name is. */
  constructor(name: string) {
    this.path = `/${name}`;
    // Named v1 trees too (systemd's): a kubelet wants its root there as well.
    const v1 = listMounts().filter(({ type }) => type === "cgroup");
    const trees = v1.length > 0 ? v1.map(({ target }) => target) : cgroupMounts();
    for (const tree of trees) makeGroup(join(tree, this.path));
  }

  /** The group's folder in the tree of one v1 controller. */
  folder(controller: string): string {
    return join("/sys/fs/cgroup", controller, this.path);
  }

  /** Removes the groups, with all that a kubelet made below. Fails when processes stay in them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeCgroup(this.path);
  }
}

function makeGroup(folder: string): void {
  mkdirSync(folder, { recursive: true });
  // In v1, a new cpuset is empty and takes no process until it has CPUs and memory nodes.
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const parents = join(dirname(folder), file);
    if (existsSync(join(folder, file)) && existsSync(parents))
      writeFileSync(join(folder, file), readFileSync(parents, "utf8"));
  }
}
