/** `/proc/meminfo` by key, in bytes where it says kB. */
export function memoryLines(meminfo: string): { readonly [key: string]: number } {
  const rows = [...meminfo.matchAll(/^(\S+):\s+(\d+)( kB)?$/gm)];
  return Object.fromEntries(rows.map(([, key, amount, unit]) => [key, Number(amount) * (unit ? 1024 : 1)]));
}

/**
 * Working set of the whole machine, in bytes: what is in use but for file pages that nobody looked at lately. `usage` and `stat` are the
 * root cgroup's (v1: memory.usage_in_bytes, memory.stat); without a usage (v2 has none at the root) what is not free counts.
 */
export function memoryInUse(usage: string, stat: string, meminfo: string): number {
  const memory = memoryLines(meminfo);
  const used = usage === "" ? (memory.MemTotal ?? 0) - (memory.MemFree ?? 0) : Number(usage);
  const inactive = /^total_inactive_file (\d+)$/m.exec(stat)?.[1] ?? /^inactive_file (\d+)$/m.exec(stat)?.[1];
  const idle = inactive === undefined ? (memory["Inactive(file)"] ?? 0) : Number(inactive);
  return Math.max(0, used - idle);
}

/** Tasks there are, out of `/proc/loadavg`: "0.00 0.01 0.05 2/311 12345". 0 where it says something else. */
export const threadsOf = (loadavg: string): number => Number(/ \d+\/(\d+) /.exec(loadavg)?.[1] ?? 0);

/** PRETTY_NAME of an os-release file; "Linux" where it has none, as cAdvisor says. */
export function prettyName(osRelease: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1]?.trim() ?? "";
  return value.replace(/^"+|"+$/g, "") || "Linux";
}
