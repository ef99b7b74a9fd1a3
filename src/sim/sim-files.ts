import type { FileStat, Files } from "../ports/files.ts";
import type { Disk, Entry } from "./disk.ts";
import { Disturbed, failed } from "./disturbed.ts";
import type { Faults } from "./faults.ts";
import type { World } from "./world.ts";

/** Files of one process on the simulated disk: slow, full and broken at times; what is in flight when the process dies may or may not happen. */
export class SimFiles implements Files {
  readonly #disk: Disk;
  readonly #world: World;
  readonly #faults: Faults;
  readonly #life: AbortSignal;
  readonly #door: Disturbed;

  constructor(disk: Disk, world: World, faults: Faults, life: AbortSignal) {
    this.#disk = disk;
    this.#world = world;
    this.#faults = faults;
    this.#life = life;
    this.#door = new Disturbed(world, faults, life);
  }

  read = (path: string, maxBytes: number) =>
    this.#do(() => {
      const content = contentOf(path, this.#disk.walk(path, true).entry);
      if (content && content.length > maxBytes) throw failed("EFBIG", path);
      return content;
    });

  readTail = (path: string, maxBytes: number) =>
    this.#do(() => contentOf(path, this.#disk.walk(path, false).entry)?.slice(-maxBytes));

  writeAtomic = (path: string, content: Uint8Array | string, mode: number) =>
    this.#do(() => {
      const place = this.#disk.walk(path, false);
      if (place.entry?.kind === "directory") throw failed("EISDIR", path);
      this.#needSpace(path, place.entry);
      this.#disk.put(place, this.#disk.file(mode, bytesOf(content)));
    });

  /** Torn: part of it is on the disk when the process dies or the write fails. */
  writeInPlace = (path: string, content: Uint8Array | string, mode: number) =>
    this.#do(() => {
      const place = this.#disk.walk(path, false);
      this.#needSpace(path, place.entry);
      const bytes = bytesOf(content);
      const isTorn = this.#life.aborted || this.#world.chance.happens(this.#faults.diskErrors);
      const written = isTorn ? bytes.slice(0, bytes.length >> 1) : bytes;
      if (!place.entry) this.#disk.put(place, this.#disk.file(mode, written));
      else {
        contentOf(path, place.entry);
        if (place.readonly) throw failed("EROFS", path);
        if (place.entry.kind === "file") place.entry.content = written;
        this.#disk.touch();
      }
      if (written.length < bytes.length) throw failed("EIO", path);
    });

  makeDirectory = (path: string, mode: number) =>
    this.#do(() => {
      const parts = path.split("/").slice(1).filter(Boolean);
      for (const depth of parts.keys()) {
        const place = this.#disk.walk(`/${parts.slice(0, depth + 1).join("/")}`, true);
        if (place.entry?.kind === "directory") continue;
        if (place.entry) throw failed(depth === parts.length - 1 ? "EEXIST" : "ENOTDIR", path);
        this.#needSpace(path, undefined);
        this.#disk.put(place, this.#disk.directory(depth === parts.length - 1 ? mode : 0o755));
      }
    });

  chmod = (path: string, mode: number) =>
    this.#do(() => {
      const { entry } = this.#disk.walk(path, false);
      if (!entry) throw failed("ENOENT", path);
      if (entry.kind === "symlink") throw failed("ELOOP", path);
      entry.mode = mode;
    });
  lchown = () => this.#do(() => {});

  symlink = (target: string, path: string) =>
    this.#do(() => {
      const place = this.#disk.walk(path, false);
      if (place.entry) throw failed("EEXIST", path);
      this.#needSpace(path, undefined);
      this.#disk.put(place, this.#disk.symlink(target));
    });

  readlink = (path: string) =>
    this.#do(() => {
      const { entry } = this.#disk.walk(path, false);
      return entry?.kind === "symlink" ? entry.target : undefined;
    });

  rename = (from: string, to: string) =>
    this.#do(() => {
      const source = this.#disk.walk(from, false);
      if (!source.entry) throw failed("ENOENT", from);
      this.#disk.put(this.#disk.walk(to, false), source.entry);
      this.#disk.put(source, undefined);
    });

  stat = (path: string) => this.#do(() => statOf(this.#disk.walk(path, false).entry));
  statFollow = (path: string) => this.#do(() => statOf(this.#disk.walk(path, true).entry));

  list = (path: string) =>
    this.#do(() => {
      const { entry } = this.#disk.walk(path, true);
      if (!entry) return undefined;
      if (entry.kind !== "directory") throw failed("ENOTDIR", path);
      return [...entry.children.keys()].sort();
    });

  removeFile = (path: string) =>
    this.#do(() => {
      const place = this.#disk.walk(path, false);
      if (!place.entry) return;
      if (place.entry.kind === "directory") throw failed("EISDIR", path);
      this.#disk.put(place, undefined);
    });

  removeDirectory = (path: string) =>
    this.#do(() => {
      const place = this.#disk.walk(path, false);
      if (!place.entry) return;
      if (place.entry.kind !== "directory") throw failed("ENOTDIR", path);
      if (place.entry.children.size > 0) throw failed("ENOTEMPTY", path);
      this.#disk.put(place, undefined);
    });

  removeTree = (path: string) =>
    this.#do(() => {
      const place = this.#disk.walk(path, false);
      if (!place.entry) return;
      if (this.#disk.mountsAt(place.path).length > 0) throw failed("EBUSY", path);
      this.#disk.put(place, undefined);
    });

  /** Rings at any change of the disk: one that rings too often is allowed. */
  async *watch(_path: string, signal: AbortSignal): AsyncGenerator<void> {
    let changed = true;
    let wake = () => {};
    using _watching = this.#disk.watch(() => {
      changed = true;
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);
    for (;;) {
      signal.throwIfAborted();
      if (changed) {
        changed = false;
        yield;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    }
  }

  #needSpace(path: string, entry: Entry | undefined): void {
    if (this.#faults.diskFull && !entry) throw failed("ENOSPC", path);
  }

  #do<T>(effect: () => T): Promise<T> {
    return this.#door.act("file", effect);
  }
}

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content;

function contentOf(path: string, entry: Entry | undefined): Uint8Array | undefined {
  if (entry?.kind === "directory") throw failed("EISDIR", path);
  if (entry?.kind === "symlink") throw failed("ELOOP", path);
  return entry?.content;
}

const statOf = (entry: Entry | undefined): FileStat | undefined =>
  entry && {
    kind: entry.kind,
    size: entry.kind === "file" ? entry.content.length : 0,
    mode: "mode" in entry ? entry.mode : 0o777,
    uid: 0,
    gid: 0,
    modifiedAt: 0,
    inode: entry.inode,
  };
