import { Bell } from "../base/bell.ts";
import { instant } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogFile, LogFiles } from "../ports/log-files.ts";

/** Time stands still: a follower lives on announced changes alone. */
export const stillClock: Clock = {
  monotonic: () => instant(0),
  wall: () => new Date(0),
  sleep: (_span, signal) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
};

/** Log files in memory for tests of this room: appends, rotation, and reads no larger than `mostPerRead`. */
export class FakeLogFiles implements LogFiles {
  readonly #files = new Map<string, { readonly id: number; bytes: Uint8Array }>();
  readonly #bell = new Bell();
  #nextId = 1;
  mostPerRead = Number.POSITIVE_INFINITY;

  append(path: string, bytes: string | Uint8Array): void {
    const file = this.#files.get(path) ?? { id: this.#nextId++, bytes: new Uint8Array() };
    file.bytes = Buffer.concat([file.bytes, Buffer.from(bytes)]);
    this.#files.set(path, file);
    this.#bell.ring();
  }

  rename(from: string, to: string): void {
    const file = this.#files.get(from);
    if (file === undefined) throw new RangeError(`no file ${from}`);
    this.#files.delete(from);
    this.#files.set(to, file);
    this.#bell.ring();
  }

  remove(path: string): void {
    this.#files.delete(path);
    this.#bell.ring();
  }

  async open(path: string): Promise<LogFile | undefined> {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    return {
      identity: `${file.id}`,
      size: async () => file.bytes.length,
      read: async (offset, length) => file.bytes.slice(offset, offset + Math.min(length, this.mostPerRead)),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async identify(path: string): Promise<{ readonly identity: string; readonly size: number } | undefined> {
    const file = this.#files.get(path);
    return file && { identity: `${file.id}`, size: file.bytes.length };
  }

  async list(directory: string): Promise<readonly string[]> {
    const prefix = `${directory}/`;
    return [...this.#files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async *watch(_path: string, signal: AbortSignal): AsyncIterable<void> {
    while (!signal.aborted) {
      yield;
      await this.#bell.wait(signal).catch(() => {});
    }
  }
}
