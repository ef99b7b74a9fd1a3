/** What a path is. Times in milliseconds since the epoch. */
export interface FileStat {
  readonly kind: "file" | "directory" | "symlink" | "socket" | "char-device" | "block-device" | "fifo";
  readonly size: number;
  /** Permission bits with setuid, setgid, sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: number;
  readonly inode: number;
}

/**
 * The node's files. Errors are KubeletError `file-failed` with the errno name; "absent" answers are values where a caller expects them.
 * Nothing here follows a symlink that a pod could have made, except where it says so.
 */
export interface Files {
  /** undefined when absent. Refuses (errno EFBIG) more than `maxBytes`. Follows symlinks (manifest folders may hold them). */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** At most the last `maxBytes` of a regular file; undefined when absent. Does not follow symlinks. */
  readTail(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Durable: temporary file in the same directory, fsync, rename, fsync of the directory. */
  writeAtomic(path: string, content: Uint8Array | string, mode: number): Promise<void>;
  /** Overwrites in place, keeps the inode (a bind mount sees the change). Creates with `mode`, past the umask, when absent. */
  writeInPlace(path: string, content: Uint8Array | string, mode: number): Promise<void>;
  /** Makes it and its parents; sets `mode` past the umask on the last one only. No error when it is there: it keeps its mode. */
  makeDirectory(path: string, mode: number): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  lchown(path: string, uid: number, gid: number): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** lstat; undefined when absent. */
  stat(path: string): Promise<FileStat | undefined>;
  /** stat that follows symlinks; undefined when absent. */
  statFollow(path: string): Promise<FileStat | undefined>;
  /** Names, sorted; undefined when the directory is absent. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** One file or symlink. No error when absent. */
  removeFile(path: string): Promise<void>;
  /** One empty directory. No error when absent; ENOTEMPTY is an error. */
  removeDirectory(path: string): Promise<void>;
  /** A whole tree, without crossing into another file system and without following symlinks. No error when absent. */
  removeTree(path: string): Promise<void>;
  /**
   * Yields once at the start, then after each change in the directory (or of the file) `path`, for ever; merges changes that come
   * while the reader works. Survives that the path is absent, removed, and made again.
   */
  watch(path: string, signal: AbortSignal): AsyncIterable<void>;
}
