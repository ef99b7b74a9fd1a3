/** What every run needs around its rows. */
import { existsSync, lstatSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A row that is broken off goes on by itself until what it measures is taken away from under it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Where upstream's kubelet puts things whatever its root directory. */
const GO_FOLDERS = ["/var/lib/kubelet", "/var/lib/kubelet/device-plugins", "/var/log/containers", "/var/log/pods"];

/** What kubelets leave outside their folders. To be made before the first of them starts. */
export class Traces {
  readonly #before = GO_FOLDERS.filter((folder) => existsSync(folder));

  /** Removes links to this run's logs, and folders that were not there before. */
  remove(scratch: string): void {
    const links = "/var/log/containers";
    for (const name of existsSync(links) ? readdirSync(links) : []) {
      const path = join(links, name);
      if (lstatSync(path).isSymbolicLink() && readlinkSync(path).startsWith(scratch)) rmSync(path);
    }
    for (const folder of GO_FOLDERS)
      if (!this.#before.includes(folder)) rmSync(folder, { recursive: true, force: true });
  }
}
