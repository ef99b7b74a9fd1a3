import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type KeyPair, MAX_PEM, readKeyPair } from "../model/certificate.ts";
import type { Files } from "../ports/files.ts";

export interface PairPlace {
  /** --cert-dir. */
  readonly directory: string;
  readonly prefix: "kubelet-client" | "kubelet-server";
  /** Where a pair may lie that was made by somebody else: the first one that is there is used. */
  readonly others: readonly { readonly cert: string; readonly key: string }[];
}

/**
 * A certificate and its key on disk, as the Go kubelet keeps them: `<prefix>-<date>.pem` holds certificate and key, the symlink
 * `<prefix>-current.pem` names the one in force. Old ones are left where they are.
 */
export class PairFiles {
  readonly #place: PairPlace;
  readonly #files: Files;
  readonly #log: Log;
  readonly currentPath: string;

  constructor(place: PairPlace, deps: { readonly files: Files; readonly log: Log }) {
    this.#place = place;
    this.#files = deps.files;
    this.#log = deps.log;
    this.currentPath = this.#named("current");
  }

  /** The pair in force; undefined when there is none. One that can't be read is said, and counts as none. @throws KubeletError `file-failed` */
  async current(): Promise<KeyPair | undefined> {
    await this.#finishSwap();
    const { directory, prefix, others } = this.#place;
    const places = [
      { cert: this.currentPath, key: this.currentPath },
      ...others,
      { cert: `${directory}/${prefix}.crt`, key: `${directory}/${prefix}.key` },
    ];
    for (const { cert, key } of places) {
      const [certText, keyText] = [await this.#text(cert), await this.#text(key)];
      if (certText === undefined || keyText === undefined) continue;
      try {
        return readKeyPair(certText, keyText);
      } catch (error) {
        const path = cert === key ? cert : `${cert} or ${key}`;
        this.#log.error("Failed to use certificate file, asking for a new certificate", {
          path,
          err: messageOf(error),
        });
        return undefined;
      }
    }
    return undefined;
  }

  /** Makes it the pair in force. @throws KubeletError `file-failed` */
  async keep(pair: Pick<KeyPair, "cert" | "key">, now: Date): Promise<void> {
    const files = this.#files;
    const dated = this.#named(now.toISOString().slice(0, 19).replace(/[T:]/g, "-"));
    const updated = this.#named("updated");
    await files.makeDirectory(this.#place.directory, 0o755);
    await files.writeAtomic(dated, `${pair.cert}${pair.key}`, 0o600);
    for (const link of [this.currentPath, updated]) await this.#mustBeLink(link);
    await files.removeFile(updated);
    await files.symlink(dated, updated);
    await files.rename(updated, this.currentPath);
  }

  /** A kubelet that was killed between making the new link and putting it into force. */
  async #finishSwap(): Promise<void> {
    const updated = this.#named("updated");
    if ((await this.#files.stat(this.currentPath)) !== undefined) return;
    if ((await this.#files.stat(updated))?.kind !== "symlink") return;
    await this.#files.rename(updated, this.currentPath);
  }

  async #mustBeLink(path: string): Promise<void> {
    const stat = await this.#files.stat(path);
    if (stat === undefined || stat.kind === "symlink") return;
    throw new KubeletError(`Cannot put certificate into force: ${path} is a ${stat.kind}, not a symlink; remove it`, {
      code: "file-failed",
      path,
      errno: "EEXIST",
    });
  }

  async #text(path: string): Promise<string | undefined> {
    const content = path === "" ? undefined : await this.#files.read(path, MAX_PEM);
    return content === undefined ? undefined : Buffer.from(content).toString("latin1");
  }

  #named(qualifier: string): string {
    return `${this.#place.directory}/${this.#place.prefix}-${qualifier}.pem`;
  }
}
