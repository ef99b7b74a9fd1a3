/** What we need of ELF (elf(5)): 64 bits, little-endian, as Node's releases for x64 and arm64 are. */

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
/** Section flag: takes up memory when the program runs. */
const SHF_ALLOC = 0x2n;
const SHT_NOBITS = 8;

/**
 * The executable without its symbol table and debug information, which stand behind everything that is loaded: 33 MB of Node's 150. As `strip -s` would do
 * it, but the same bytes on every machine and without binutils. Symbols that libraries and native crash reports use are in another table and stay.
 *
 * @throws Error where this is no such ELF file
 */
export function strip(file: Buffer): Buffer {
  if (file.length < HEADER_BYTES || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    throw new Error("strip: not a little-endian ELF file of 64 bits");
  const sections = Number(file.readBigUInt64LE(0x28));
  const count = file.readUInt16LE(0x3c);
  const names = file.readUInt16LE(0x3e);
  const section = (index: number) =>
    file.subarray(sections + index * SECTION_BYTES, sections + (index + 1) * SECTION_BYTES);
  const all = Array.from({ length: count }, (_, index) => section(index));
  const isLoaded = (header: Buffer) => (header.readBigUInt64LE(8) & SHF_ALLOC) !== 0n;
  const kept = all
    .map((header, index) => ({ header, index }))
    .filter(({ header, index }) => index === 0 || isLoaded(header));
  const end = Math.max(
    ...kept.map(({ header }) => offsetOf(header) + (header.readUInt32LE(4) === SHT_NOBITS ? 0 : sizeOf(header))),
  );
  const nameTable = all[names];
  if (nameTable === undefined) throw new Error("strip: the ELF file has no names of sections");
  const nameBytes = file.subarray(offsetOf(nameTable), offsetOf(nameTable) + sizeOf(nameTable));
  const namesAt = end;
  const tableAt = align(namesAt + nameBytes.length);
  const newIndex = new Map(kept.map(({ index }, at) => [index, at]));
  const headers = kept.map(({ header }) => {
    const copy = Buffer.from(header);
    // A link is the index of another section: of relocations their symbols, of those their strings.
    copy.writeUInt32LE(newIndex.get(header.readUInt32LE(0x28)) ?? 0, 0x28);
    return copy;
  });
  const lastHeader = Buffer.from(nameTable);
  lastHeader.writeBigUInt64LE(BigInt(namesAt), 0x18);
  const out = Buffer.concat([
    file.subarray(0, end),
    nameBytes,
    Buffer.alloc(tableAt - namesAt - nameBytes.length),
    ...headers,
    lastHeader,
  ]);
  out.writeBigUInt64LE(BigInt(tableAt), 0x28);
  out.writeUInt16LE(headers.length + 1, 0x3c);
  out.writeUInt16LE(headers.length, 0x3e);
  return out;
}

const SHT_GNU_VERNEED = 0x6ffffffe;

/**
 * The newest version of each kind of symbol that the executable needs of the machine's libraries: `GLIBC` -> `2.28`. From the section that the dynamic loader
 * goes by (https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html).
 */
export function neededVersions(file: Buffer): ReadonlyMap<string, string> {
  const sections = Number(file.readBigUInt64LE(0x28));
  const header = (index: number) =>
    file.subarray(sections + index * SECTION_BYTES, sections + (index + 1) * SECTION_BYTES);
  const all = Array.from({ length: file.readUInt16LE(0x3c) }, (_, index) => header(index));
  const needed = all.find((one) => one.readUInt32LE(4) === SHT_GNU_VERNEED);
  if (needed === undefined) return new Map();
  const strings = offsetOf(header(needed.readUInt32LE(0x28)));
  const newest = new Map<string, string>();
  for (let library = offsetOf(needed), next = -1; next !== 0; library += next) {
    next = file.readUInt32LE(library + 12);
    for (let at = library + file.readUInt32LE(library + 8), step = -1; step !== 0; at += step) {
      step = file.readUInt32LE(at + 12);
      const start = strings + file.readUInt32LE(at + 8);
      const [, kind, version] = /^(.+)_([\d.]+)$/.exec(file.toString("latin1", start, file.indexOf(0, start))) ?? [];
      if (kind === undefined || version === undefined) continue;
      if (isNewer(version, newest.get(kind) ?? "0")) newest.set(kind, version);
    }
  }
  return newest;
}

function isNewer(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (let at = 0; at < Math.max(a.length, b.length); at++)
    if ((a[at] ?? 0) !== (b[at] ?? 0)) return (a[at] ?? 0) > (b[at] ?? 0);
  return false;
}

const offsetOf = (header: Buffer): number => Number(header.readBigUInt64LE(0x18));
const sizeOf = (header: Buffer): number => Number(header.readBigUInt64LE(0x20));
const align = (offset: number): number => Math.ceil(offset / 8) * 8;
