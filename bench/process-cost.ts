/** What a process costs, as the kernel counts it. */
import { readFileSync } from "node:fs";

const TICK_MS = 10;

/** Processor time of all its threads so far, milliseconds. In steps of one tick (10 ms). */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Its share of memory, megabytes: pages that others use too are split between them. */
export function proportionalMemory(pid: number): number {
  const [, kB = "0"] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
  return (Number(kB) * 1024) / 1e6;
}
