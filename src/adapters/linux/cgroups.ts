import { constants, readdirSync } from "node:fs";
import { mkdir, open, readdir, readFile, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sideBySide } from "../../base/side-by-side.ts";
import type { Cgroups, CgroupValues } from "../../ports/cgroups.ts";
import { type CgroupFile, cgroupFiles } from "./cgroup-files.ts";
import { type CgroupTree, EXISTENCE_CONTROLLERS, v1Trees } from "./cgroup-trees.ts";
import { doing, doingIfThere, errnoOf, isAbsent, refused } from "./fault.ts";

/** Controllers of v2 that the kubelet's cgroups must have, where the root has them. */
const V2_CONTROLLERS = ["cpu", "cpuset", "memory", "hugetlb", "pids"];
/** A killed process leaves its cgroup within milliseconds, unless it hangs in the kernel. */
const KILL_PASSES = 200;
const KILL_PAUSE_MS = 10;

export interface CgroupsOptions {
  readonly version: 1 | 2;
  /** Usually /sys/fs/cgroup. */
  readonly root: string;
}

/** The trees as files: all of the cgroupfs driver, and what the systemd driver does itself after it has asked systemd. */
export interface CgroupTrees extends Cgroups {
  /** Ends every process in it and below. No error when absent. */
  kill(path: string): Promise<void>;
}

/** cgroupfs driver: the kubelet makes and removes directories itself. With systemd as the driver, systemd must be asked instead. */
export function createCgroups({ version, root }: CgroupsOptions): CgroupTrees {
  const trees: readonly CgroupTree[] = version === 1 ? v1Trees(root) : [{ mountPoint: root, controllers: [] }];
  let sizes: readonly string[] | undefined;
  return {
    version,
    exists: (path) => doing("look for cgroup", path, () => exists(version, trees, checked(path))),
    missingFrom: (path) => doing("look for cgroup", path, () => missingFrom(version, trees, checked(path))),
    create: (path) => doing("make cgroup", path, () => createInAll(version, trees, checked(path))),
    write: async (path, values) => write(version, trees, checked(path), values),
    children: (path) => doing("list cgroup", path, () => children(trees, checked(path))),
    processes: (path) => doing("read processes of cgroup", path, () => processes(trees, checked(path))),
    oomKills: (path) => doing("read OOM kills of cgroup", path, () => oomKills(version, trees, checked(path))),
    kill: (path) => doing("end what runs in cgroup", path, () => killAll(trees, checked(path))),
    destroy: (path) => doing("remove cgroup", path, () => destroy(trees, checked(path))),
    hugepageSizes: () => {
      sizes ??= readHugepageSizes();
      return sizes;
    },
  };
}

function checked(path: string): string {
  if (path.startsWith("/") && !path.split("/").includes("..")) return path;
  throw refused("use cgroup", path, "EINVAL", "need an absolute path without '..'");
}

async function exists(version: 1 | 2, trees: readonly CgroupTree[], path: string): Promise<boolean> {
  if ((await missingFrom(version, trees, path)).length > 0) return false;
  const [tree] = trees;
  if (version === 1 || tree === undefined) return true;
  // One that was made by others, or that systemd took controllers from, can't bound what it should.
  const [own, top] = await Promise.all([controllersOf(join(tree.mountPoint, path)), controllersOf(tree.mountPoint)]);
  return V2_CONTROLLERS.every((controller) => own.includes(controller) || !top.includes(controller));
}

const controllersOf = async (directory: string): Promise<readonly string[]> =>
  words(join(directory, "cgroup.controllers"));

const words = async (path: string): Promise<readonly string[]> => (await readText(path)).split(/\s+/).filter(Boolean);

async function missingFrom(version: 1 | 2, trees: readonly CgroupTree[], path: string): Promise<readonly string[]> {
  const places = trees.filter(countsForExistence(version)).map(({ mountPoint }) => mountPoint);
  const there = await Promise.all(places.map((place) => isThere(join(place, path))));
  return places.filter((_, index) => !there[index]).sort();
}

const countsForExistence = (version: 1 | 2) => (tree: CgroupTree) =>
  version === 2 || tree.controllers.some((controller) => EXISTENCE_CONTROLLERS.includes(controller));

async function createInAll(version: 1 | 2, trees: readonly CgroupTree[], path: string): Promise<void> {
  const make = version === 1 ? createV1 : createV2;
  await sideBySide(trees.map((tree) => make(tree, path)));
}

/** From the leaf up: for all but the first pod of a class its parents are there. */
async function createV1(tree: CgroupTree, path: string): Promise<void> {
  const directory = join(tree.mountPoint, path);
  try {
    await makeDirectory(directory);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || path === "/") throw error;
    await createV1(tree, dirname(path));
    await makeDirectory(directory);
  }
  if (tree.controllers.includes("cpuset")) await fillCpuset(dirname(directory), directory);
}

/** From the root down: each level must have handed its controllers to the next before that is of use. */
async function createV2({ mountPoint }: CgroupTree, path: string): Promise<void> {
  let parent = mountPoint;
  for (const step of path.split("/").filter(Boolean)) {
    await delegate(parent);
    parent = join(parent, step);
    await makeDirectory(parent);
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path).catch((error) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
}

/**
 * v2: a child has the controllers that its parent hands down; all are, as by upstream. One that can't be is no reason to go without the others.
 * @throws KubeletError `file-failed` (EBUSY) where processes are in the parent: the kernel lets no such cgroup hand controllers down
 */
async function delegate(parent: string): Promise<void> {
  const file = join(parent, "cgroup.subtree_control");
  const given = await words(file);
  const more = (await controllersOf(parent)).filter((controller) => !given.includes(controller));
  if (more.length === 0) return;
  const add = (controllers: readonly string[]) => put(file, controllers.map((one) => `+${one}`).join(" "));
  const isRefused = await add(more).then(
    () => false,
    () => true,
  );
  if (!isRefused) return;
  for (const controller of more) {
    const errno = await add([controller]).then(() => undefined, errnoOf);
    if (errno === "EBUSY" && V2_CONTROLLERS.includes(controller))
      throw refused(
        `hand the ${controller} controller down from`,
        parent,
        errno,
        "processes are in it; cgroup v2 wants them in a cgroup of their own below, or cgroupRoot to be another",
      );
  }
}

/** v1: a new cpuset cgroup is empty, and no process can enter it until it has CPUs and memory nodes. */
async function fillCpuset(parent: string, directory: string): Promise<void> {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if ((await readText(join(directory, file))).trim() !== "") continue;
    await put(join(directory, file), (await readText(join(parent, file))).trim());
  }
}

/** A value that the kernel refuses keeps none of the others out; the first refusal is reported. */
async function write(version: 1 | 2, trees: readonly CgroupTree[], path: string, values: CgroupValues): Promise<void> {
  const refusals: unknown[] = [];
  for (const each of cgroupFiles(version, values)) {
    const tree = version === 2 ? trees[0] : trees.find(({ controllers }) => controllers.includes(each.controller));
    if (tree === undefined) continue;
    const target = join(tree.mountPoint, path, each.file);
    await doing(`write ${each.content} to`, target, () => writeFile(tree, path, each)).catch((error) =>
      refusals.push(error),
    );
  }
  if (refusals.length > 0) throw refusals[0];
}

async function writeFile(tree: CgroupTree, path: string, { file, content, optional }: CgroupFile): Promise<void> {
  try {
    await put(join(tree.mountPoint, path, file), content);
  } catch (error) {
    if (optional && errnoOf(error) === "ENOENT" && (await isThere(join(tree.mountPoint, path)))) return;
    throw error;
  }
}

async function children(trees: readonly CgroupTree[], path: string): Promise<readonly string[]> {
  const lists = await Promise.all(trees.map((tree) => directoriesIn(join(tree.mountPoint, path))));
  return [...new Set(lists.flat())].sort();
}

async function processes(trees: readonly CgroupTree[], path: string): Promise<readonly number[]> {
  const lists = await Promise.all(trees.map((tree) => processesBelow(join(tree.mountPoint, path))));
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

/** Of one hierarchy: process ids in a cgroup's directory and below. */
export async function processesBelow(directory: string): Promise<readonly number[]> {
  const own = (await readText(join(directory, "cgroup.procs"))).split("\n").filter(Boolean).map(Number);
  const inner = await Promise.all(
    (await directoriesIn(directory)).map((name) => processesBelow(join(directory, name))),
  );
  return [...own, ...inner.flat()];
}

/** v1 has them since kernel 4.13. */
async function oomKills(version: 1 | 2, trees: readonly CgroupTree[], path: string): Promise<number | undefined> {
  const tree = trees.find(({ controllers }) => version === 2 || controllers.includes("memory"));
  if (tree === undefined) return undefined;
  const text = await readText(join(tree.mountPoint, path, version === 2 ? "memory.events" : "memory.oom_control"));
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}

async function destroy(trees: readonly CgroupTree[], path: string): Promise<void> {
  if (path.split("/").filter(Boolean).length === 0) throw refused("remove cgroup", path, "EINVAL", "it is the root");
  if (await removedEmpty(trees, path)) return;
  await killAll(trees, path);
  for (const tree of trees) await removeBelow(join(tree.mountPoint, path));
}

async function killAll(trees: readonly CgroupTree[], path: string): Promise<void> {
  for (let pass = 0; ; pass++) {
    const left = await processes(trees, path);
    if (left.length === 0) return;
    if (left.includes(process.pid)) throw refused("remove cgroup", path, "EBUSY", "this process itself is in it");
    if (pass === KILL_PASSES) throw refused("remove cgroup", path, "EBUSY", `processes ${left.join(", ")} do not die`);
    await kill(trees, path, left);
    await new Promise((resolve) => setTimeout(resolve, KILL_PAUSE_MS));
  }
}

/** The kernel itself refuses to remove a cgroup that holds processes or others: mostly this is all there is to do. */
async function removedEmpty(trees: readonly CgroupTree[], path: string): Promise<boolean> {
  const removed = await Promise.all(
    trees.map((tree) =>
      rmdir(join(tree.mountPoint, path)).then(
        () => true,
        (error) => isAbsent(error),
      ),
    ),
  );
  return removed.every(Boolean);
}

async function kill(trees: readonly CgroupTree[], path: string, pids: readonly number[]): Promise<void> {
  for (const { mountPoint, controllers } of trees) {
    // A frozen process dies only when it thaws.
    if (controllers.includes("freezer")) await thaw(join(mountPoint, path));
    // Kernel 5.14 and later, v2: reaches forks that a list of pids would miss.
    if (controllers.length === 0) await put(join(mountPoint, path, "cgroup.kill"), "1").catch(() => undefined);
  }
  for (const pid of pids) {
    // 0 stands for a process of another PID namespace; to kill(2) it would mean our own group.
    if (pid > 1) signalIfThere(pid);
  }
}

function signalIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

async function thaw(directory: string): Promise<void> {
  await put(join(directory, "freezer.state"), "THAWED").catch(() => undefined);
  for (const name of await directoriesIn(directory)) await thaw(join(directory, name));
}

async function removeBelow(directory: string): Promise<void> {
  for (const name of await directoriesIn(directory)) await removeBelow(join(directory, name));
  for (let pass = 0; ; pass++) {
    try {
      return await rmdir(directory);
    } catch (error) {
      if (isAbsent(error)) return;
      // Its last process may be gone from the list while the kernel still holds the cgroup.
      if (errnoOf(error) !== "EBUSY" || pass === KILL_PASSES) throw error;
      await new Promise((resolve) => setTimeout(resolve, KILL_PAUSE_MS));
    }
  }
}

async function directoriesIn(directory: string): Promise<readonly string[]> {
  const entries = await doingIfThere("list", directory, () => readdir(directory, { withFileTypes: true }));
  return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function isThere(path: string): Promise<boolean> {
  return (await doingIfThere("look at", path, () => stat(path)))?.isDirectory() ?? false;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch (error) {
    // ENODEV: the cgroup was removed while its file was open.
    if (isAbsent(error) || errnoOf(error) === "ENODEV") return "";
    throw error;
  }
}

/** Never creates: a missing file must not become a plain file in a directory that is no cgroup. */
async function put(path: string, content: string): Promise<void> {
  await using file = await open(path, constants.O_WRONLY);
  await file.write(content);
}

/** "hugepages-2048kB" -> "2MB", as runtimes name them. */
function readHugepageSizes(): readonly string[] {
  try {
    return readdirSync("/sys/kernel/mm/hugepages").flatMap(hugepageSize).sort();
  } catch {
    return [];
  }
}

function hugepageSize(directory: string): readonly string[] {
  const kib = Number(/^hugepages-(\d+)kB$/.exec(directory)?.[1]);
  if (!Number.isSafeInteger(kib)) return [];
  if (kib >= 1 << 20) return [`${kib / (1 << 20)}GB`];
  return [kib >= 1024 ? `${kib / 1024}MB` : `${kib}KB`];
}
