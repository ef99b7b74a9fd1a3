export interface ProgramEnd {
  readonly code: number;
  /** What it printed, both streams, trimmed. */
  readonly text: string;
}

/**
 * What installing on a machine needs of it. Paths are absolute, and below another root where the implementation was given one; messages name them as the
 * caller does. Errors are KubeletError `file-failed`.
 */
export interface HostSetup {
  /** The file that this program was started from, on the machine that it runs on. */
  readonly executable: string;
  readonly superuser: boolean;
  /** Follows symlinks. */
  kind(path: string): Promise<"file" | "directory" | "other" | undefined>;
  /** Text of a file of at most 1 MiB; undefined when it is not there. */
  read(path: string): Promise<string | undefined>;
  /** As `read`, but of the machine that this program runs on. */
  readHere(path: string): Promise<string | undefined>;
  /** Why nobody can write into the directory, or into the nearest one above it that exists; undefined: we can. */
  writeProblem(directory: string): Promise<string | undefined>;
  /** Whether `path` is the very file that this program was started from. */
  isExecutable(path: string): Promise<boolean>;
  /** In hex; of `path`, or of this program's file. undefined when it is not there. */
  sha256(path?: string): Promise<string | undefined>;
  /** Why this program's file can't be installed: it is not a single executable, or is damaged. */
  executableProblem(): Promise<string | undefined>;
  /** Durable, and whole or not at all. */
  write(path: string, content: string, mode: number): Promise<void>;
  /** This program's file, whole or not at all, mode 0755. */
  copyExecutable(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** No error when absent. */
  remove(path: string): Promise<void>;
  /** With those above it that are missing, which get mode 0755. Returns those that were made, outermost first. */
  makeDirectory(path: string, mode: number): Promise<readonly string[]>;
  /** False when something is in it; true when it is gone, also when it was before. */
  removeEmptyDirectory(path: string): Promise<boolean>;
  /** undefined: there is no such program. @throws KubeletError when it does not end in time */
  run(program: string, args: readonly string[], signal: AbortSignal): Promise<ProgramEnd | undefined>;
}
