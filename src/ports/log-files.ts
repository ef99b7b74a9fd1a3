/** One open log file. Stays readable after a rename or removal. */
export interface LogFile extends AsyncDisposable {
  /** Tells this file from another one that takes its path later (device and inode). */
  readonly identity: string;
  size(): Promise<number>;
  /** At most `length` bytes from `offset`; empty only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Read-only access to the log files that a container runtime writes. Errors are KubeletError `file-failed` with the errno name. */
export interface LogFiles {
  /** undefined when absent. Follows symlinks (Docker's logs are some); refuses what is no regular file, without waiting for it. */
  open(path: string): Promise<LogFile | undefined>;
  /** The identity of what is at `path` now; undefined when absent. */
  identify(path: string): Promise<{ readonly identity: string; readonly size: number } | undefined>;
  /** Names in a directory, sorted; empty when it is absent. */
  list(directory: string): Promise<readonly string[]>;
  /** Yields once at the start, then after changes in the directory of `path` and in its file; merges changes. Ends when `signal` aborts. */
  watch(path: string, signal: AbortSignal): AsyncIterable<void>;
}
