import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeletError } from "../../base/fault.ts";
import { isIpAddress, isIpv4 } from "../../model/ip.ts";
import { cniConfig, readCniConfig } from "./network.ts";
import { bridgesOf, networkNames, type RuntimePaths } from "./paths.ts";

/**
 * The network of the embedded runtime's pods: one CNI configuration, which containerd reads again whenever it changes. Pods that have an
 * address keep it, whatever range comes later: a new range gets another bridge, because taking a bridge's own address away would cut off
 * all pods that are on it.
 */
export class PodNetwork {
  readonly #rootDir: string;
  readonly #paths: RuntimePaths;

  constructor(rootDir: string, paths: RuntimePaths) {
    this.#rootDir = rootDir;
    this.#paths = paths;
  }

  /** The range that was used last, also by an earlier kubelet; undefined: there is no network yet. */
  async current(): Promise<string | undefined> {
    return (await this.#read())?.podCidr;
  }

  /** @throws KubeletError `network-not-ready` for a range that is none, and whatever the file system says */
  async use(podCidr: string): Promise<void> {
    refuseBadRange(podCidr);
    const before = await this.#read();
    const bridges = bridgesOf(this.#rootDir);
    const [first = ""] = bridges;
    const place = bridges.indexOf(before?.bridge ?? "");
    const bridge = !before || place < 0 ? first : before.podCidr === podCidr ? before.bridge : bridges[place + 1];
    const names = { ...networkNames(this.#rootDir), bridge: bridge ?? first };
    const text = cniConfig(podCidr, names, this.#paths);
    // containerd watches the folder: an equal file must not look like news.
    if (text === before?.text) return;
    const draft = join(this.#paths.cniConf, `.new-${process.pid}`);
    await writeFile(draft, text, { mode: 0o644 });
    await rename(draft, this.#file);
  }

  get #file(): string {
    return join(this.#paths.cniConf, "10-kubelet.conflist");
  }

  async #read() {
    const text = await readFile(this.#file, "utf8").catch(() => undefined);
    const known = text === undefined ? undefined : readCniConfig(text);
    return known && { ...known, text };
  }
}

function refuseBadRange(podCidr: string): void {
  const isRange = (cidr: string) => {
    const [, address = "", prefix = ""] = /^(.+)\/(\d{1,3})$/.exec(cidr.trim()) ?? [];
    return isIpAddress(address) && Number(prefix) <= (isIpv4(address) ? 32 : 128);
  };
  if (podCidr.split(",").every(isRange)) return;
  throw new KubeletError(`Cannot give pods addresses of "${podCidr}": it is no CIDR such as 10.244.1.0/24`, {
    code: "network-not-ready",
  });
}
