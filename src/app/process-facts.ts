import { readdir, readFile } from "node:fs/promises";
import type { ProcessReading } from "../metrics/index.ts";

/** Once: what is worked out of two clocks comes out a little different each time, and a start that moves reads as a restart. */
const STARTED_AT = (Date.now() - process.uptime() * 1000) / 1000;

/** What this process uses, asked for when somebody reads the metrics. Without /proc the numbers that come from there are 0. */
export async function readProcess(): Promise<ProcessReading> {
  const [stat, limits, open] = await Promise.all([
    readFile("/proc/self/stat", "latin1").catch(() => ""),
    readFile("/proc/self/limits", "latin1").catch(() => ""),
    readdir("/proc/self/fd").catch(() => []),
  ]);
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    virtualBytes: virtualBytesOf(stat),
    openFiles: open.length,
    maxFiles: maxFilesOf(limits),
    startSeconds: STARTED_AT,
  };
}

/** Field 23 of proc_pid_stat(5); the name before it may hold spaces and brackets. */
export const virtualBytesOf = (stat: string): number =>
  Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[20] ?? 0) || 0;

/** The soft limit of `Max open files`. */
export const maxFilesOf = (limits: string): number => Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
