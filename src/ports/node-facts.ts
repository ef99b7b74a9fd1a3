/** What the machine is: nothing here changes while the kernel runs, but for huge pages, which an administrator may add. */
export interface MachineInfo {
  readonly machineId: string;
  /** Of the firmware; "" where there is none. */
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  /** "Debian GNU/Linux 12 (bookworm)". */
  readonly osImage: string;
  /** Logical cores. */
  readonly cpus: number;
  readonly memoryBytes: number;
  /** 0: none. */
  readonly swapBytes: number;
  /** Bytes set aside as huge pages by the size of a page in bytes; 0 for a size that has none. */
  readonly hugepages: ReadonlyMap<number, number>;
  readonly inUserNamespace: boolean;
}

/** One file system, in bytes and inodes. No inodes at all: it does not count them (btrfs). */
export interface FilesystemSpace {
  readonly capacityBytes: number;
  /** For ordinary users: without what is kept for root. */
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface MeasuredSpace extends FilesystemSpace {
  /** What is kept for root is neither available nor used. */
  readonly usedBytes: number;
}

/** An address of an interface of this machine. */
export interface InterfaceAddress {
  readonly interface: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly loopback: boolean;
}

/** An interface that a default route leads out of. */
export interface DefaultRoute {
  readonly interface: string;
  readonly family: 4 | 6;
}

/** What the kernel says of the node itself. Errors are KubeletError `file-failed`, or `signal.reason` when aborted. */
export interface NodeFacts {
  machine(): Promise<MachineInfo>;
  /** The file system that holds `path`. One that hangs is asked once at a time, and refused with errno ETIMEDOUT after a while. */
  space(path: string, signal: AbortSignal): Promise<MeasuredSpace>;
  /** Memory in use that can't be given back at once: the working set of everything. */
  memoryWorkingSet(): Promise<number>;
  /** Tasks there are, and how many there may be. */
  tasks(): Promise<{ readonly max: number; readonly current: number }>;
  interfaces(): readonly InterfaceAddress[];
  /** In the kernel's order; undefined where the kernel has no table of routes to read. */
  defaultRoutes(): Promise<readonly DefaultRoute[] | undefined>;
  /** Addresses of a host name by the system's resolver; empty when it has none or does not answer in time. */
  lookup(name: string, signal: AbortSignal): Promise<readonly string[]>;
}
