import type { LoadDeps } from "../config/index.ts";
import type { Examiner } from "../fitness/index.ts";
import type { HostSetup } from "../ports/host-setup.ts";
import type { LocalClient } from "../ports/http-server.ts";

/** What a verb has to do with the world. */
export interface VerbIo {
  /** Standard output; resolves when it can take more. @throws an error with code EPIPE when nobody reads any more */
  write(content: string | Uint8Array): Promise<void>;
  /** One message for people, to standard error. */
  complain(message: string): void;
  readonly env: { readonly [name: string]: string | undefined };
  now(): Date;
  connect(socketPath: string): LocalClient;
  /** What `config view` needs to work a configuration out by itself. */
  configDeps(): Omit<LoadDeps, "argv">;
  /** Loaded for the verbs that look at or change the machine itself. */
  host(): Promise<HostTools>;
}

export interface HostTools {
  /** For a kubelet with these flags; undefined: they start none. @throws KubeletError "config-invalid" */
  examiner(flags: readonly string[]): Promise<Examiner | undefined>;
  /** This machine to install on; or, with a folder, the one whose file system lies there. */
  setup(root: string): HostSetup;
  /** Ends all pods of a root directory where no kubelet runs, and removes it. Returns what was done, a line each. @throws KubeletError */
  purge(rootDir: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** The verb can't do it; the message tells a person why, and what to do. */
export class VerbError extends Error {
  override readonly name = "VerbError";
}
