/** A datagram socket that collects what comes, like the one that systemd gives to a service. Node has none of its own. */
import { closeSync } from "node:fs";
import koffi from "koffi";
import { unixAddress } from "../../src/adapters/linux/service-manager.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000 | 0o2000000;

export class Datagrams implements Disposable {
  readonly #fd: number;
  readonly #recv: (fd: number, into: Uint8Array, length: number, flags: number) => number;
  readonly #all: string[] = [];

  /** Listens at a path, or at `@name`. */
  constructor(socket: string) {
    const libc = koffi.load("libc.so.6");
    this.#recv = libc.func("intptr_t recv(int, _Out_ uint8_t*, size_t, int)");
    this.#fd = libc.func("int socket(int, int, int)")(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
    const address = unixAddress(socket);
    if (libc.func("int bind(int, const uint8_t*, uint32_t)")(this.#fd, address, address.length) !== 0)
      throw new Error(`bind ${socket}: errno ${koffi.errno()}`);
  }

  /** Everything until now, oldest first. */
  get all(): readonly string[] {
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const length = Number(this.#recv(this.#fd, buffer, buffer.length, 0));
      if (length < 0) return this.#all;
      this.#all.push(buffer.toString("utf8", 0, length));
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
