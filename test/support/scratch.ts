/** Folders and cgroups of one test file, marked so that whatever is left of them can be told from other programs' things. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { unmountUnder } from "../../scripts/lib/machine.ts";

/** A folder under /tmp that goes with its owner. Nothing may run in it any more; mounts that were left are taken off first. */
export class Scratch {
  readonly folder: string;
  /** The folder's own name: unique on this machine, and fit for a cgroup or an interface's alias. */
  readonly name: string;

  constructor(purpose: string) {
    this.folder = mkdtempSync(join(tmpdir(), `kubelet-ts-${purpose}-`));
    this.name = basename(this.folder);
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountUnder(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
