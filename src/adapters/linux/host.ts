import { existsSync, readFileSync, statfsSync } from "node:fs";
import { cpus, hostname } from "node:os";
import { thermalCounters } from "./thermal-counters.ts";

/** What the machine is, read once at start. */
export interface HostFacts {
  /** 1 also for hybrid hosts, whose /sys/fs/cgroup is a tmpfs. */
  readonly cgroupVersion: 1 | 2;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly cpus: number;
  /** "6.1.0-18-amd64". */
  readonly kernel: string;
  readonly kernelVersion: readonly [major: number, minor: number];
  readonly hostname: string;
  /** /etc/machine-id, empty where there is none. */
  readonly machineId: string;
  readonly bootId: string;
  readonly pageSize: number;
  readonly pidMax: number;
  /** Something swaps now: a line in /proc/swaps beside the heading. */
  readonly swapOn: boolean;
  readonly root: boolean;
  /** May lower oom_score_adj and raise limits. */
  readonly canChangeResources: boolean;
  /** The kernel has tmpfs `noswap` (6.4 on) and we are in no user namespace, where it is refused. */
  readonly tmpfsNoswap: boolean;
  /** v1: does memory.memsw exist; v2: memory.swap.max of our own cgroup. Where not, no swap value is sent to a runtime. */
  readonly swapController: boolean;
  /** The kernel has AppArmor, and it is on. */
  readonly appArmor: boolean;
  /** What of this machine containers must not see, beside what they must not see of any. */
  readonly maskedPaths: readonly string[];
}

const CGROUP2_MAGIC = 0x63677270;
const CAP_SYS_RESOURCE = 24n;
const ALL_IDS = /^\s*0\s+0\s+4294967295\s*$/;

/** Without /sys (a chroot) there is nothing to tell by: `--version` and `config view` do without, and a start says what it misses. */
function cgroupVersionOf(mount: string): 1 | 2 {
  return !existsSync(mount) || statfsSync(mount).type === CGROUP2_MAGIC ? 2 : 1;
}

export function detectHost(): HostFacts {
  const cgroupVersion = cgroupVersionOf("/sys/fs/cgroup");
  const kernel = text("/proc/sys/kernel/osrelease");
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const memory = text("/proc/meminfo");
  const inUserNamespace = !ALL_IDS.test(text("/proc/self/uid_map"));
  return {
    cgroupVersion,
    memoryBytes: kilobytes(memory, "MemTotal"),
    swapBytes: kilobytes(memory, "SwapTotal"),
    cpus: cpus().length,
    kernel,
    kernelVersion: [major, minor],
    hostname: hostname(),
    machineId: text("/etc/machine-id"),
    bootId: text("/proc/sys/kernel/random/boot_id"),
    // Node has no sysconf. AT_PAGESZ (6) of the auxiliary vector, 64-bit little-endian pairs on every platform we run on.
    pageSize: auxiliary(6n) ?? 4096,
    pidMax: Number(text("/proc/sys/kernel/pid_max")) || 32768,
    swapOn: text("/proc/swaps").split("\n").length > 1,
    root: process.geteuid?.() === 0,
    canChangeResources: (effectiveCapabilities() & (1n << CAP_SYS_RESOURCE)) !== 0n,
    tmpfsNoswap: !inUserNamespace && (major > 6 || (major === 6 && minor >= 4)),
    swapController: swapController(cgroupVersion),
    appArmor: existsSync("/sys/kernel/security/apparmor") && text("/sys/module/apparmor/parameters/enabled") === "Y",
    maskedPaths: thermalCounters(),
  };
}

function swapController(version: 1 | 2): boolean {
  if (version === 1) return there("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");
  const own = /^0::(.*)$/m.exec(text("/proc/self/cgroup"))?.[1] ?? "/";
  return there(`/sys/fs/cgroup${own}/memory.swap.max`);
}

function effectiveCapabilities(): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(text("/proc/self/status"))?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

function auxiliary(type: bigint): number | undefined {
  try {
    const vector = readFileSync("/proc/self/auxv");
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readBigUInt64LE(at) === type) return Number(vector.readBigUInt64LE(at + 8));
    }
  } catch {
    // Falls to the default of the caller.
  }
  return undefined;
}

const kilobytes = (meminfo: string, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) * 1024;

function text(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function there(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
