export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: string;
}

/** The mount table. Errors are KubeletError `file-failed` with the errno name. */
export interface Mounts {
  /** Mounts below `prefix` (or at it), deepest first, as in /proc/self/mountinfo. */
  list(prefix: string): Promise<readonly Mount[]>;
  /** A tmpfs; `options` as for mount(8) (`size=…`, `noswap`). The target exists. No error when a tmpfs is mounted there already. */
  mountTmpfs(target: string, options: readonly string[]): Promise<void>;
  /** Bind mount, private, optionally read-only. The target exists. */
  bind(source: string, target: string, readonly: boolean): Promise<void>;
  /**
   * Binds what `path` names below `root` onto `target`, for subPath: makes target, and directories missing below root with root's mode.
   * A symlink never leads out of root, even one that is swapped in meanwhile: refused with errno EXDEV or ELOOP. No error when the same
   * file is bound there already; another one is replaced.
   */
  bindInside(root: string, path: string, target: string): Promise<void>;
  /** umount2. No error when nothing is mounted there. `lazy`: MNT_DETACH. */
  unmount(target: string, lazy: boolean): Promise<void>;
  /** Makes `path` a shared mount point (bind on itself when it is none yet), so that volumes reach containers. */
  makeShared(path: string): Promise<void>;
  /** Bytes and inodes of the file system at `path`. Runs where a hung network mount can't block the caller. */
  usage(path: string): Promise<{
    readonly capacityBytes: number;
    readonly availableBytes: number;
    readonly inodes: number;
    readonly inodesFree: number;
  }>;
}
