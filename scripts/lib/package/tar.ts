/** Archives that depend on nothing but their input: order and owner fixed, one time for all. */
import { type Header, pack } from "tar-stream";

export interface Entry {
  /** Absolute, as it is to be on the machine. */
  readonly path: string;
  readonly mode: number;
  /** Missing: a directory. */
  readonly content?: Uint8Array | string;
}

/** A tar as dpkg wants it: `./`, then every directory before what is in it. Owner root. */
export async function tar(entries: readonly Entry[], time: Date): Promise<Buffer> {
  const archive = pack();
  const add = (header: Header, content?: Buffer) =>
    archive.entry({ ...header, mtime: time, uid: 0, gid: 0, ...({ uname: "root", gname: "root" } as object) }, content);
  add({ name: "./", type: "directory", mode: 0o755 });
  for (const { path, mode, content } of withParents(entries)) {
    const name = `.${path}`;
    if (content === undefined) add({ name: `${name}/`, type: "directory", mode });
    else {
      const bytes =
        typeof content === "string"
          ? Buffer.from(content)
          : Buffer.from(content.buffer, content.byteOffset, content.length);
      add({ name, type: "file", mode, size: bytes.length }, bytes);
    }
  }
  archive.finalize();
  return Buffer.concat(await Array.fromAsync(archive));
}

function withParents(entries: readonly Entry[]): Entry[] {
  const all = new Map<string, Entry>();
  for (const { path } of entries)
    for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1))
      all.set(path.slice(0, at), { path: path.slice(0, at), mode: 0o755 });
  for (const entry of entries) all.set(entry.path, entry);
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
