import { Buffer } from "node:buffer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { checkPart, decodeFooter, FOOTER_BYTES, type Layout, type Part } from "./layout.ts";

/** The parts of an executable, read from its file. It stays open: what is used later must be of this file, also when an upgrade has replaced it. */
export class Parts implements Disposable {
  readonly layout: Layout;
  readonly #fd: number;

  /**
   * @param path usually `/proc/self/exe`, which is the running file itself wherever it is by now
   * @throws KubeletError `start-refused` where the file is damaged
   */
  constructor(path: string) {
    this.#fd = openSync(path, "r");
    try {
      const { size } = fstatSync(this.#fd);
      const at = Math.max(0, size - FOOTER_BYTES);
      const list = decodeFooter(this.#bytes(at, size - at), size);
      this.layout = JSON.parse(this.read("its list of parts", list).toString("utf8"));
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** @throws KubeletError `start-refused` where these are not the bytes that were built in */
  read(name: string, part: Part): Buffer {
    const bytes = this.#bytes(part.offset, part.length);
    checkPart(name, bytes, part);
    return bytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #bytes(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const got = readSync(this.#fd, bytes, done, length - done, offset + done);
      if (got === 0) break;
      done += got;
    }
    return bytes.subarray(0, done);
  }
}
