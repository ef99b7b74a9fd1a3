const NEWLINE = 0x0a;
/** Runtimes cut lines at 16 KiB, so whatever is longer than this is passed on in pieces instead of being gathered. */
export const MAX_LINE = 256 * 1024;

/** A part of the raw file: a whole line, or the pieces of a line that is too long to be held. */
export type Piece =
  | { readonly kind: "line"; readonly bytes: Uint8Array }
  | { readonly kind: "begin"; readonly bytes: Uint8Array }
  | { readonly kind: "more"; readonly bytes: Uint8Array; readonly last: boolean };

/** Cuts a stream of blocks into lines. Holds at most MAX_LINE bytes, whatever comes. */
export class LineSplitter {
  #held: Uint8Array[] = [];
  #size = 0;
  #long = false;

  /** Bytes taken in that are not given out yet. */
  get pending(): number {
    return this.#size;
  }

  *push(block: Uint8Array): Generator<Piece> {
    let from = 0;
    for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, from)) {
      const part = block.subarray(from, at + 1);
      from = at + 1;
      if (this.#long) {
        this.#long = false;
        yield { kind: "more", bytes: part, last: true };
      } else yield { kind: "line", bytes: this.#take(part) };
    }
    const rest = block.subarray(from);
    if (rest.length === 0) return;
    if (this.#long) yield { kind: "more", bytes: rest, last: false };
    else if (this.#size + rest.length > MAX_LINE) {
      yield { kind: "begin", bytes: this.#take(rest) };
      this.#long = true;
    } else {
      // A copy: the block's memory may be large, and a short rest must not keep it.
      this.#held.push(rest.slice());
      this.#size += rest.length;
    }
  }

  /** What is left when the file ends without a newline. */
  *end(): Generator<Piece> {
    if (this.#size > 0) yield { kind: "line", bytes: this.#take(new Uint8Array()) };
    else if (this.#long) yield { kind: "more", bytes: new Uint8Array(), last: true };
    this.#long = false;
  }

  #take(part: Uint8Array): Uint8Array {
    if (this.#size === 0) return part;
    const whole = Buffer.concat([...this.#held, part], this.#size + part.length);
    this.#held = [];
    this.#size = 0;
    return whole;
  }
}
