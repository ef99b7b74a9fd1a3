import type { CgroupUsage, InterfaceUsage } from "../../ports/usage.ts";

/** "key value" lines of memory.stat and cpu.stat, "Key:  value kB" ones of meminfo in bytes. */
export function parseCounters(text: string): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  for (const [, key = "", value, unit] of text.matchAll(/^(\w[\w()]*):?\s+(\d+)( kB)?$/gm)) {
    counters.set(key, Number(value) * (unit === undefined ? 1 : 1024));
  }
  return counters;
}

/** A limit of v1 that is as good as none: the kernel shows the largest multiple of the page size instead. */
const UNLIMITED = 2 ** 62;

/** A number in a file of its own; undefined for none ("max") and for what is no number. */
export function parseLimit(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  return Number.isFinite(value) && value < UNLIMITED ? value : undefined;
}

/** Contents by name; undefined: there is no such file. */
export interface CgroupTexts {
  readonly cpuacctUsage?: string | undefined;
  readonly usage?: string | undefined;
  readonly limit?: string | undefined;
  readonly stat?: string | undefined;
  readonly swapUsage?: string | undefined;
  readonly swapLimit?: string | undefined;
  readonly cpuStat?: string | undefined;
  readonly pids?: string | undefined;
}

/** Cgroup v1: cpuacct.usage, memory.*, pids.current. */
export function usageV1(texts: CgroupTexts, at: number): CgroupUsage {
  const stat = parseCounters(texts.stat ?? "");
  const usage = parseLimit(texts.usage);
  const memoryLimit = parseLimit(texts.limit);
  const bothLimit = parseLimit(texts.swapLimit);
  return {
    at,
    cpuNanos: parseLimit(texts.cpuacctUsage),
    memory:
      usage === undefined
        ? undefined
        : {
            usageBytes: usage,
            workingSetBytes: Math.max(0, usage - (stat.get("total_inactive_file") ?? 0)),
            rssBytes: stat.get("total_rss") ?? 0,
            limitBytes: memoryLimit,
            pageFaults: stat.get("total_pgfault") ?? 0,
            majorPageFaults: stat.get("total_pgmajfault") ?? 0,
          },
    // memory.memsw counts both together.
    swap: stat.has("total_swap")
      ? {
          usageBytes: stat.get("total_swap") ?? 0,
          limitBytes:
            bothLimit === undefined || memoryLimit === undefined ? undefined : Math.max(0, bothLimit - memoryLimit),
        }
      : undefined,
    processes: parseLimit(texts.pids),
  };
}

/** Cgroup v2: cpu.stat, memory.*, pids.current. `meminfo`: of the root, which has no memory.current. */
export function usageV2(texts: CgroupTexts, at: number, meminfo: string | undefined): CgroupUsage {
  const stat = parseCounters(texts.stat ?? "");
  const machine = parseCounters(meminfo ?? "");
  const cpu = parseCounters(texts.cpuStat ?? "").get("usage_usec");
  const usage = meminfo === undefined ? parseLimit(texts.usage) : difference(machine, "MemTotal", "MemFree");
  const swapUsage = meminfo === undefined ? parseLimit(texts.swapUsage) : difference(machine, "SwapTotal", "SwapFree");
  return {
    at,
    cpuNanos: cpu === undefined ? undefined : cpu * 1000,
    memory:
      usage === undefined
        ? undefined
        : {
            usageBytes: usage,
            workingSetBytes: Math.max(0, usage - (stat.get("inactive_file") ?? machine.get("Inactive(file)") ?? 0)),
            rssBytes: stat.get("anon") ?? machine.get("AnonPages") ?? 0,
            limitBytes: parseLimit(texts.limit),
            pageFaults: stat.get("pgfault") ?? 0,
            majorPageFaults: stat.get("pgmajfault") ?? 0,
          },
    swap: swapUsage === undefined ? undefined : { usageBytes: swapUsage, limitBytes: parseLimit(texts.swapLimit) },
    processes: parseLimit(texts.pids),
  };
}

function difference(counters: ReadonlyMap<string, number>, whole: string, part: string): number | undefined {
  const [all, free] = [counters.get(whole), counters.get(part)];
  return all === undefined || free === undefined ? undefined : Math.max(0, all - free);
}

/** /proc/<pid>/net/dev, without the loopback. */
export function parseInterfaces(text: string): readonly InterfaceUsage[] {
  return [...text.matchAll(/^\s*([^\s:]+):\s*(.+)$/gm)].flatMap(([, name = "", rest = ""]) => {
    const counters = rest.trim().split(/\s+/).map(Number);
    if (name === "lo" || counters.length < 16) return [];
    const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] = counters;
    return [{ name, rxBytes, rxErrors, txBytes, txErrors }];
  });
}

/** The end of a pod's link, and other engines' bridges: upstream leaves them out as well. */
export const isOfPods = ({ name }: InterfaceUsage): boolean => name.startsWith("veth") || name.startsWith("docker");

/** `btime` of /proc/stat, in milliseconds. */
export const parseBootTime = (stat: string): number => Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000;
