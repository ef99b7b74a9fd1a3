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

const offsetOf = (header: Buffer): number => Number(header.readBigUInt64LE(0x18));
const sizeOf = (header: Buffer): number => Number(header.readBigUInt64LE(0x20));
const align = (offset: number): number => Math.ceil(offset / 8) * 8;
