import type { FilesystemSpace } from "./node-facts.ts";

/** This machine as it is now, read without changing anything. What can't be read is a value, not an error. */
export interface MachineReader {
  /** Text of a file of at most 1 MiB; undefined when it is not there or can't be read. */
  text(path: string): Promise<string | undefined>;
  /** Names in a directory, sorted; empty when it is not there. */
  names(path: string): Promise<readonly string[]>;
  /** Whether a program is in the PATH, or where programs usually are. */
  hasProgram(name: string): Promise<boolean>;
  /** Who listens there; undefined: nobody, it could be opened. */
  portHolder(host: string, port: number): Promise<{ readonly pid?: number; readonly name?: string } | undefined>;
  /** undefined: the kernel does not say. */
  isClockSynchronized(): Promise<boolean | undefined>;
  /** As `NodeFacts` has it, for the nearest directory above that exists. @throws KubeletError */
  space(path: string, signal: AbortSignal): Promise<FilesystemSpace>;
  lookup(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** One GET without credentials, for its date. @throws Error where no answer came */
  ask(
    url: string,
    tls: { readonly ca: string | undefined; readonly serverName: string | undefined; readonly insecure: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly date: string | undefined }>;
}
