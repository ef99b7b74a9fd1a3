import type { Cgroups } from "../ports/cgroups.ts";
import { Disturbed, failed } from "./disturbed.ts";
import type { Faults } from "./faults.ts";
import type { World } from "./world.ts";

/** The cgroup tree of the simulated node: paths only. */
export function simCgroups(tree: Set<string>, world: World, faults: Faults, life: AbortSignal): Cgroups {
  const door = new Disturbed(world, faults, life);
  const act = <T>(effect: () => T): Promise<T> => door.act("cgroup", effect);
  return {
    version: 2,
    exists: (path) => act(() => tree.has(path)),
    missingFrom: (path) => act(() => (tree.has(path) ? [] : ["sim"])),
    create: (path) =>
      act(() => {
        refuseOutside(path);
        const parts = path.split("/").slice(1);
        for (let depth = 1; depth <= parts.length; depth++) tree.add(`/${parts.slice(0, depth).join("/")}`);
      }),
    write: (path) =>
      act(() => {
        if (!tree.has(path)) throw failed("ENOENT", path);
      }),
    children: (path) =>
      act(() => {
        const prefix = path === "/" ? "/" : `${path}/`;
        const below = [...tree].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
        return below.filter((name) => name !== "" && !name.includes("/")).sort();
      }),
    processes: () => Promise.resolve([]),
    oomKills: () => act(() => 0),
    destroy: (path) =>
      act(() => {
        refuseOutside(path);
        for (const name of [...tree]) if (name === path || name.startsWith(`${path}/`)) tree.delete(name);
      }),
    hugepageSizes: () => [],
  };
}

function refuseOutside(path: string): void {
  if (!path.startsWith("/") || path === "/" || path.split("/").includes("..")) throw failed("EINVAL", path);
}
