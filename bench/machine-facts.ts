/** What figures depend on, for the JSON file and the head of the table. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { tryRun } from "../scripts/lib/run.ts";

export interface MachineFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGB: number;
  readonly kernel: string;
  readonly cgroup: "v1" | "v2";
  readonly node: string;
  readonly commit: string;
  /** Of the last minute, before anything was measured: figures from a busy machine are worth little. */
  readonly loadBefore: number;
}

export async function machineFacts(root: string): Promise<MachineFacts> {
  const commit = await tryRun("git", ["describe", "--always", "--dirty"], { cwd: root });
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    cgroup: readFileSync("/proc/self/cgroup", "utf8").trim().includes("\n") ? "v1" : "v2",
    node: process.version,
    commit: commit.stdout.trim(),
    loadBefore: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
  };
}

export const factsLine = (facts: MachineFacts, runtime: string): string =>
  `${facts.cores} × ${facts.cpu}, ${facts.memoryGB} GB, Linux ${facts.kernel}, cgroup ${facts.cgroup}, containerd ${runtime}, load before ${facts.loadBefore}`;
