import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { RuntimePaths } from "./paths.ts";

/** A process that can't be mistaken for a later one with the same number. */
export interface Identity {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/pid/stat. */
  readonly startTime: string;
}

/** The containerd that was started last, and with what. */
export interface RunningRecord extends Identity {
  readonly bootId: string;
  /** Digest of program, version and configuration. undefined: found without a pid file, so unknown. */
  readonly configHash: string | undefined;
}

export const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** undefined when there is no such process, or only its zombie. */
export function identify(pid: number): Identity | undefined {
  const fields = statFields(pid);
  const [state, startTime] = [fields?.[0], fields?.[19]];
  return state === undefined || startTime === undefined || state === "Z" || state === "X"
    ? undefined
    : { pid, startTime };
}

export const isAlive = (identity: Identity): boolean => identify(identity.pid)?.startTime === identity.startTime;

/** Fields after the name, which may hold spaces and brackets: index 0 is field 3 of proc(5). */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

export function writeRecord(path: string, record: RunningRecord): void {
  writeFileSync(`${path}.new`, JSON.stringify(record));
  renameSync(`${path}.new`, path);
}

export const removeRecord = (path: string): void => rmSync(path, { force: true });

/** The containerd of this root directory that is running now: by its pid file, else by its command line. */
export function findRunning(paths: RuntimePaths): RunningRecord | undefined {
  const record = readRecord(paths.pidFile);
  if (record && record.bootId === bootId() && isAlive(record)) return record;
  // The kubelet was killed between the start of containerd and the writing of the pid file, or somebody removed the file.
  const identity = findByCommand((args) => args[1] === "--config" && args[2] === paths.config);
  return identity && { ...identity, bootId: bootId(), configHash: undefined };
}

export function readRecord(path: string): RunningRecord | undefined {
  try {
    const value: RunningRecord = JSON.parse(readFileSync(path, "utf8"));
    return Number.isSafeInteger(value.pid) && typeof value.startTime === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** First process whose arguments satisfy `matches`. */
export function findByCommand(matches: (args: readonly string[]) => boolean): Identity | undefined {
  return listByCommand(matches)[0];
}

export function listByCommand(matches: (args: readonly string[]) => boolean): readonly Identity[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => matches(commandLine(name)))
    .map((name) => identify(Number(name)))
    .filter((identity) => identity !== undefined);
}

function commandLine(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
