/** What every run needs around its rows. */
import { existsSync, lstatSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";

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
