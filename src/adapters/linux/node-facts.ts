import { lookup } from "node:dns/promises";
import { readdir, readFile, statfs } from "node:fs/promises";
import { cpus, networkInterfaces } from "node:os";
import { KubeletError } from "../../base/fault.ts";
import { seconds } from "../../base/units.ts";
import { within } from "../../base/within.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InterfaceAddress, MachineInfo, MeasuredSpace, NodeFacts } from "../../ports/node-facts.ts";
import { memoryInUse, memoryLines, prettyName, threadsOf } from "./proc-text.ts";
import { defaultRoutesOf } from "./routes.ts";

const HUGEPAGES = "/sys/kernel/mm/hugepages";
const ALL_IDS = /^\s*0\s+0\s+4294967295\s*$/;
/** A local disk answers in microseconds; what needs longer is a network file system that is away. */
const SPACE_PATIENCE = seconds(5);
const LOOKUP_PATIENCE = seconds(5);

/** Reads /proc and /sys afresh at each call. */
export function createNodeFacts(cgroupVersion: 1 | 2, clock: Clock): NodeFacts {
  const asked = new Map<string, Promise<MeasuredSpace>>();
  const looked = new Map<string, Promise<readonly string[]>>();

  return {
    machine,
    async space(path, signal) {
      const answer = once(asked, path, () => readSpace(path));
      const late = () => {
        throw refused(path, "ETIMEDOUT", "it does not answer; is a network file system away?");
      };
      return within(SPACE_PATIENCE, clock, { work: () => answer, late, signal });
    },
    memoryWorkingSet: () => memoryWorkingSet(cgroupVersion),
    tasks,
    interfaces,
    async defaultRoutes() {
      const ipv4 = await text("/proc/net/route");
      return ipv4 === "" ? undefined : defaultRoutesOf(ipv4, await text("/proc/net/ipv6_route"));
    },
    async lookup(name, signal) {
      const answer = once(looked, name, async () => {
        const found = await lookup(name, { all: true }).catch(() => []);
        return found.map(({ address }) => address);
      });
      return within(LOOKUP_PATIENCE, clock, { work: () => answer, late: () => [], signal });
    },
  };
}

async function machine(): Promise<MachineInfo> {
  const [memory, uidMap] = await Promise.all([text("/proc/meminfo"), text("/proc/self/uid_map")]);
  const lines = memoryLines(memory);
  return {
    machineId: await firstOf("/etc/machine-id", "/var/lib/dbus/machine-id"),
    systemUuid: await firstOf(
      "/sys/class/dmi/id/product_uuid",
      "/proc/device-tree/system-id",
      "/proc/device-tree/vm,uuid",
      // s390 has neither: cAdvisor takes the file it would find there last, on every platform.
      "/etc/machine-id",
    ),
    bootId: await text("/proc/sys/kernel/random/boot_id"),
    kernelVersion: await text("/proc/sys/kernel/osrelease"),
    osImage: prettyName(await firstOf("/etc/os-release", "/usr/lib/os-release")),
    cpus: cpus().length,
    memoryBytes: lines.MemTotal ?? 0,
    swapBytes: lines.SwapTotal ?? 0,
    hugepages: await hugepages(),
    inUserNamespace: uidMap !== "" && !ALL_IDS.test(uidMap),
  };
}

/** `hugepages-2048kB/nr_hugepages` for each size. */
async function hugepages(): Promise<ReadonlyMap<number, number>> {
  const names = await readdir(HUGEPAGES).catch(() => []);
  const sizes = names.flatMap((name) => {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    return kilobytes > 0 ? [{ name, size: kilobytes * 1024 }] : [];
  });
  const rows = sizes.map(async ({ name, size }) => {
    const pages = Number(await text(`${HUGEPAGES}/${name}/nr_hugepages`)) || 0;
    return [size, pages * size] as const;
  });
  return new Map((await Promise.all(rows)).sort(([a], [b]) => a - b));
}

async function readSpace(path: string): Promise<MeasuredSpace> {
  try {
    const { blocks, bfree, bavail, bsize, files, ffree } = await statfs(path);
    return {
      capacityBytes: blocks * bsize,
      availableBytes: bavail * bsize,
      usedBytes: (blocks - bfree) * bsize,
      inodes: files,
      inodesFree: ffree,
    };
  } catch (error) {
    throw refused(path, (error as NodeJS.ErrnoException).code ?? "EIO", (error as Error).message);
  }
}

async function memoryWorkingSet(cgroupVersion: 1 | 2): Promise<number> {
  const root = cgroupVersion === 1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
  // The root of v2 has no memory.current: what is in use is what is not free.
  const [usage, stat, meminfo] = await Promise.all([
    cgroupVersion === 1 ? text(`${root}/memory.usage_in_bytes`) : "",
    text(`${root}/memory.stat`),
    text("/proc/meminfo"),
  ]);
  return memoryInUse(usage, stat, meminfo);
}

async function tasks(): Promise<{ readonly max: number; readonly current: number }> {
  const [pidMax, threadsMax, load] = await Promise.all([
    text("/proc/sys/kernel/pid_max"),
    text("/proc/sys/kernel/threads-max"),
    text("/proc/loadavg"),
  ]);
  const limits = [Number(pidMax), Number(threadsMax)].filter((limit) => limit > 0);
  return { max: Math.min(...limits, 2 ** 31), current: threadsOf(load) };
}

const interfaces = (): readonly InterfaceAddress[] =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address, family, internal }) => ({
      interface: name,
      address,
      family: family === "IPv4" ? 4 : 6,
      loopback: internal,
    })),
  );

/** A call that has not come back keeps a thread: nobody starts a second one for the same thing. */
function once<T>(running: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = running.get(key);
  if (known) return known;
  const answer = ask().finally(() => running.delete(key));
  answer.catch(() => {});
  running.set(key, answer);
  return answer;
}

const refused = (path: string, errno: string, why: string): KubeletError =>
  new KubeletError(`Cannot read the space of the file system of ${path}: ${why}`, { code: "file-failed", path, errno });

async function firstOf(...paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const found = await text(path);
    if (found !== "") return found;
  }
  return "";
}

/** Without the zero byte that the device tree ends its texts with; "" when it can't be read. */
const text = (path: string): Promise<string> =>
  readFile(path, "utf8").then(
    (content) => content.replace(/\0+$/, "").trim(),
    () => "",
  );
