/**
 * D-Bus values as bytes, little-endian: every type that there is but file descriptors, which come beside the bytes.
 * https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling
 */

/** A value with its own type, as properties are. */
export interface Variant {
  /** Signature of one type: "t", "as". */
  readonly type: string;
  readonly value: BusValue;
}

/** Whole numbers of 64 bits are bigint, others number; arrays, structs and entries of dictionaries are lists. */
export type BusValue = string | number | bigint | boolean | Variant | readonly BusValue[];

/** One type of a signature: a code, and what a container holds. */
export interface Type {
  readonly code: string;
  readonly inner: readonly Type[];
}

const MAX_DEPTH = 32;
const ALIGNMENT: { readonly [code: string]: number } = {
  ...{ y: 1, g: 1, v: 1, n: 2, q: 2, b: 4, i: 4, u: 4, h: 4, s: 4, o: 4, a: 4, x: 8, t: 8, d: 8, "(": 8, "{": 8 },
};

interface Fixed {
  readonly size: number;
  readonly write: (buffer: Buffer, value: BusValue, at: number) => void;
  readonly read: (buffer: Buffer, at: number) => BusValue;
}

const UINT32: Fixed = {
  size: 4,
  write: (buffer, value, at) => void buffer.writeUInt32LE(Number(value), at),
  read: (buffer, at) => buffer.readUInt32LE(at),
};
const FIXED: { readonly [code: string]: Fixed } = {
  y: {
    size: 1,
    write: (buffer, value, at) => void buffer.writeUInt8(Number(value), at),
    read: (buffer, at) => buffer.readUInt8(at),
  },
  n: {
    size: 2,
    write: (buffer, value, at) => void buffer.writeInt16LE(Number(value), at),
    read: (buffer, at) => buffer.readInt16LE(at),
  },
  q: {
    size: 2,
    write: (buffer, value, at) => void buffer.writeUInt16LE(Number(value), at),
    read: (buffer, at) => buffer.readUInt16LE(at),
  },
  b: { ...UINT32, read: (buffer, at) => buffer.readUInt32LE(at) !== 0 },
  u: UINT32,
  h: UINT32,
  i: {
    size: 4,
    write: (buffer, value, at) => void buffer.writeInt32LE(Number(value), at),
    read: (buffer, at) => buffer.readInt32LE(at),
  },
  x: {
    size: 8,
    write: (buffer, value, at) => void buffer.writeBigInt64LE(value as bigint, at),
    read: (buffer, at) => buffer.readBigInt64LE(at),
  },
  t: {
    size: 8,
    write: (buffer, value, at) => void buffer.writeBigUInt64LE(value as bigint, at),
    read: (buffer, at) => buffer.readBigUInt64LE(at),
  },
  d: {
    size: 8,
    write: (buffer, value, at) => void buffer.writeDoubleLE(Number(value), at),
    read: (buffer, at) => buffer.readDoubleLE(at),
  },
};

/** "a(sv)u" -> its types. @throws RangeError */
export function parseSignature(text: string): readonly Type[] {
  let at = 0;
  const one = (depth: number): Type => {
    const code = text[at++] ?? "";
    if (depth > MAX_DEPTH || !(code in ALIGNMENT)) throw new RangeError(`D-Bus signature "${text}"`);
    if (code === "a") return { code, inner: [one(depth + 1)] };
    const end = code === "(" ? ")" : code === "{" ? "}" : undefined;
    if (end === undefined) return { code, inner: [] };
    const inner: Type[] = [];
    while (text[at] !== end) inner.push(one(depth + 1));
    at++;
    return { code, inner };
  };
  const types: Type[] = [];
  while (at < text.length) types.push(one(0));
  return types;
}

/** The one type of a variant. @throws RangeError */
function variantType(text: string): Type {
  const [type, ...more] = parseSignature(text);
  if (!type || more.length > 0) throw new RangeError(`D-Bus variant of "${text}"`);
  return type;
}

const alignmentOf = ({ code }: Type): number => ALIGNMENT[code] ?? 1;
const SIGNATURE: Type = { code: "g", inner: [] };

export class Writer {
  #buffer = Buffer.alloc(512);
  #at = 0;

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  align(to: number): void {
    this.#room(to);
    while (this.#at % to !== 0) this.#buffer[this.#at++] = 0;
  }

  put(type: Type, value: BusValue): void {
    this.align(alignmentOf(type));
    const fixed = FIXED[type.code];
    if (fixed) this.#number(fixed, value);
    else if (type.code === "s" || type.code === "o") this.#text("u", value as string);
    else if (type.code === "g") this.#text("y", value as string);
    else if (type.code === "v") this.#variant(value as Variant);
    else if (type.code === "a") this.#list(type.inner[0] as Type, value as readonly BusValue[]);
    else
      for (const [place, inner] of type.inner.entries()) this.put(inner, (value as readonly BusValue[])[place] ?? "");
  }

  #variant({ type, value }: Variant): void {
    const inner = variantType(type);
    this.put(SIGNATURE, type);
    this.put(inner, value);
  }

  /** The length does not count the padding before the first element. */
  #list(inner: Type, values: readonly BusValue[]): void {
    const lengthAt = this.#at;
    this.#number(UINT32, 0);
    this.align(alignmentOf(inner));
    const begin = this.#at;
    for (const value of values) this.put(inner, value);
    this.#buffer.writeUInt32LE(this.#at - begin, lengthAt);
  }

  #text(length: "u" | "y", text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#number(FIXED[length] ?? UINT32, bytes);
    this.#room(bytes + 1);
    this.#buffer.write(`${text}\0`, this.#at);
    this.#at += bytes + 1;
  }

  #number({ size, write }: Fixed, value: BusValue): void {
    this.#room(size);
    write(this.#buffer, value, this.#at);
    this.#at += size;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}

/** Node's readers throw a RangeError beyond the end, which is all the care that lengths from outside need. */
export class Reader {
  readonly #buffer: Buffer;
  at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  align(to: number): void {
    this.at = Math.ceil(this.at / to) * to;
  }

  take(type: Type, depth = 0): BusValue {
    if (depth > MAX_DEPTH) throw new RangeError("a D-Bus value within too many others");
    this.align(alignmentOf(type));
    const { code, inner } = type;
    const fixed = FIXED[code];
    if (fixed) return fixed.read(this.#buffer, this.#skip(fixed.size));
    if (code === "s" || code === "o") return this.#text(this.#buffer.readUInt32LE(this.#skip(4)));
    if (code === "g") return this.#text(this.#buffer.readUInt8(this.#skip(1)));
    if (code === "v") return this.#variant(depth);
    if (code === "a") return this.#list(inner[0] as Type, depth);
    return inner.map((each) => this.take(each, depth + 1));
  }

  #variant(depth: number): Variant {
    const type = this.#text(this.#buffer.readUInt8(this.#skip(1)));
    return { type, value: this.take(variantType(type), depth + 1) };
  }

  #list(inner: Type, depth: number): readonly BusValue[] {
    const length = this.#buffer.readUInt32LE(this.#skip(4));
    this.align(alignmentOf(inner));
    const end = this.at + length;
    if (end > this.#buffer.length) throw new RangeError("a D-Bus array beyond its message");
    const values: BusValue[] = [];
    while (this.at < end) {
      const begin = this.at;
      values.push(this.take(inner, depth + 1));
      // An element of no bytes would fill the memory.
      if (this.at === begin) throw new RangeError("a D-Bus array of nothing");
    }
    return values;
  }

  #text(length: number): string {
    const begin = this.#skip(length + 1);
    if (begin + length >= this.#buffer.length) throw new RangeError("a D-Bus string beyond its message");
    return this.#buffer.toString("utf8", begin, begin + length);
  }

  #skip(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    return at;
  }
}
