/** A Debian binary package (deb(5)), written without Debian's tools: the same bytes on every machine for the same content. */
import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { type Entry, tar } from "./tar.ts";

export interface DebOptions {
  /** Fields of the control file, without Installed-Size, which is computed. */
  readonly control: Readonly<Record<string, string>> & { readonly Description: string };
  readonly entries: readonly Entry[];
  /** Files that people change: an upgrade asks before it replaces a changed one. */
  readonly conffiles: readonly string[];
  /** postinst and its kin. */
  readonly scripts: Readonly<Record<string, string>>;
  readonly time: Date;
}

export async function deb({ control, entries, conffiles, scripts, time }: DebOptions): Promise<Buffer> {
  const files = entries.flatMap((entry) =>
    entry.content === undefined ? [] : [{ ...entry, content: bytesOf(entry.content) }],
  );
  const kibibytes = files.reduce((sum, { content }) => sum + Math.ceil(content.length / 1024), 0) + entries.length;
  const md5 = [...files]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, content }) => `${createHash("md5").update(content).digest("hex")}  ${path.slice(1)}\n`);
  const { Description, ...others } = control;
  const fields = { ...others, "Installed-Size": `${kibibytes}`, Description };
  const about: Entry[] = [
    {
      path: "/control",
      mode: 0o644,
      content: Object.entries(fields)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(""),
    },
    { path: "/md5sums", mode: 0o644, content: md5.join("") },
    ...(conffiles.length === 0
      ? []
      : [{ path: "/conffiles", mode: 0o644, content: conffiles.map((path) => `${path}\n`).join("") }]),
    ...Object.entries(scripts).map(([name, content]) => ({ path: `/${name}`, mode: 0o755, content })),
  ];
  return ar(
    [
      ["debian-binary", Buffer.from("2.0\n")],
      ["control.tar.zst", compress(await tar(about, time))],
      ["data.tar.zst", compress(await tar(entries, time))],
    ],
    time,
  );
}

/** dpkg reads zstd since Debian 12 and Ubuntu 18.04. */
function compress(bytes: Buffer): Buffer {
  return zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/** Higher ones take minutes for some percent. */
const LEVEL = 9;

function ar(members: readonly (readonly [string, Buffer])[], time: Date): Buffer {
  const seconds = `${Math.floor(time.getTime() / 1000)}`;
  return Buffer.concat([
    Buffer.from("!<arch>\n"),
    ...members.flatMap(([name, content]) => [
      Buffer.from(`${name.padEnd(16)}${seconds.padEnd(12)}0     0     100644  ${`${content.length}`.padEnd(10)}\`\n`),
      content,
      Buffer.from(content.length % 2 === 0 ? "" : "\n"),
    ]),
  ]);
}

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? Buffer.from(content) : content;
