/** Pulls bytes from a connection as they are needed: nothing is read ahead of who uses it. A break counts as an end. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer;

  /** `head`: what was read before. */
  constructor(source: AsyncIterable<Buffer>, head: Buffer = Buffer.alloc(0)) {
    this.#source = source[Symbol.asyncIterator]();
    this.#held = head;
  }

  /** `length` bytes; undefined when the end comes before. For short things: they are copied together. */
  async exactly(length: number): Promise<Buffer | undefined> {
    while (this.#held.length < length) {
      const more = await this.#next();
      if (more === undefined) return undefined;
      this.#held = this.#held.length === 0 ? more : Buffer.concat([this.#held, more]);
    }
    return this.#take(length);
  }

  /** At least one byte and at most `most`; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      const more = await this.#next();
      if (more === undefined) return undefined;
      this.#held = more;
    }
    return this.#take(Math.min(most, this.#held.length));
  }

  #take(length: number): Buffer {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#source.next();
      return done ? undefined : value;
    } catch {
      return undefined;
    }
  }
}
