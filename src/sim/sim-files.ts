import { dirname } from "node:path";
import type { FileStat, Files } from "../ports/files.ts";
import type { Mount, Mounts } from "../ports/mounts.ts";
import { Disturbed, failed } from "./disturbed.ts";
import type { Faults } from "./faults.ts";
import type { World } from "./world.ts";

type Node =
  | { readonly kind: "directory"; mode: number }
  | { readonly kind: "file"; mode: number; content: Uint8Array }
  | { readonly kind: "symlink"; readonly target: string };

/** The disk of the simulated node. It outlives every kubelet; what a process wrote before it died is there. */
export class Disk {
  readonly nodes = new Map<string, Node>([["/", { kind: "directory", mode: 0o755 }]]);
  readonly mounts = new Map<string, Mount>();

  below(path: string): readonly string[] {
    return [...this.nodes.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
  }
}

/** Files of one process on the simulated disk: slow, full at times; a write in flight when the process dies may or may not happen. */
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

  read = (path: string) => this.#do(() => this.#content(this.#follow(path)));
  readTail = (path: string, maxBytes: number) => this.#do(() => this.#content(path)?.slice(-maxBytes));
  writeAtomic = (path: string, content: Uint8Array | string, mode: number) => this.#write(path, content, mode);
  writeInPlace = (path: string, content: Uint8Array | string, mode: number) =>
    this.#write(path, content, mode, (bytes) =>
      // Torn: part of it is on the disk when the process dies or the write fails.
      this.#life.aborted || this.#world.chance.happens(this.#faults.diskErrors)
        ? bytes.slice(0, bytes.length >> 1)
        : bytes,
    );

  makeDirectory(path: string, mode: number): Promise<void> {
    return this.#do(() => {
      this.#needSpace(path);
      for (let name = path; !this.#disk.nodes.has(name); name = dirname(name)) {
        this.#disk.nodes.set(name, { kind: "directory", mode: name === path ? mode : 0o755 });
      }
    });
  }

  chmod = (path: string, mode: number) =>
    this.#do(() => {
      const node = this.#disk.nodes.get(path);
      if (node && "mode" in node) node.mode = mode;
      else throw failed("ENOENT", path);
    });
  lchown = () => this.#do(() => {});
  symlink = (target: string, path: string) =>
    this.#do(() => {
      this.#needSpace(path);
      this.#disk.nodes.set(path, { kind: "symlink", target });
    });
  readlink = (path: string) =>
    this.#do(() => {
      const node = this.#disk.nodes.get(path);
      return node?.kind === "symlink" ? node.target : undefined;
    });

  rename = (from: string, to: string) =>
    this.#do(() => {
      const node = this.#disk.nodes.get(from);
      if (!node) throw failed("ENOENT", from);
      this.#disk.nodes.delete(from);
      this.#disk.nodes.set(to, node);
    });

  stat = (path: string) => this.#do(() => statOf(this.#disk.nodes.get(path)));
  statFollow = (path: string) => this.#do(() => statOf(this.#disk.nodes.get(this.#follow(path))));

  list = (path: string) =>
    this.#do(() => {
      if (!this.#disk.nodes.has(path)) return undefined;
      const prefix = path === "/" ? "/" : `${path}/`;
      const names = [...this.#disk.nodes.keys()].filter((name) => name.startsWith(prefix) && name !== path);
      return [...new Set(names.map((name) => name.slice(prefix.length).split("/")[0] ?? ""))].sort();
    });

  removeFile = (path: string) => this.#do(() => void this.#disk.nodes.delete(path));
  removeDirectory = (path: string) =>
    this.#do(() => {
      if (this.#disk.below(path).length > 1) throw failed("ENOTEMPTY", path);
      this.#disk.nodes.delete(path);
    });

  removeTree = (path: string) =>
    this.#do(() => {
      for (const target of this.#disk.mounts.keys()) {
        if (target === path || target.startsWith(`${path}/`)) throw failed("EBUSY", target);
      }
      for (const name of this.#disk.below(path)) this.#disk.nodes.delete(name);
    });

  async *watch(_path: string, signal: AbortSignal): AsyncGenerator<void> {
    yield;
    await this.#world.time.sleep(2 ** 40, signal, this.#life);
  }

  #write(
    path: string,
    content: Uint8Array | string,
    mode: number,
    torn: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
  ): Promise<void> {
    return this.#do(() => {
      this.#needSpace(path);
      if (!this.#disk.nodes.has(dirname(path))) throw failed("ENOENT", path);
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const written = torn(bytes);
      this.#disk.nodes.set(path, { kind: "file", mode, content: written });
      if (written.length < bytes.length) throw failed("EIO", path);
    });
  }

  #needSpace(path: string): void {
    if (this.#faults.diskFull && !this.#disk.nodes.has(path)) throw failed("ENOSPC", path);
  }

  #content(path: string): Uint8Array | undefined {
    const node = this.#disk.nodes.get(path);
    return node?.kind === "file" ? node.content : undefined;
  }

  #follow(path: string): string {
    const node = this.#disk.nodes.get(path);
    return node?.kind === "symlink" ? node.target : path;
  }

  #do<T>(effect: () => T): Promise<T> {
    return this.#door.act("file", effect);
  }
}

/** The mount table of the simulated node, as one process sees it. */
export function simMounts(disk: Disk, world: World, faults: Faults, life: AbortSignal): Mounts {
  const door = new Disturbed(world, faults, life);
  const act = <T>(effect: () => T, path: string): Promise<T> => door.act("mount", effect, path);
  const add = (source: string, target: string, type: string, options: string) =>
    act(() => void disk.mounts.set(target, { source, target, type, options }), target);
  return {
    list: (prefix) =>
      act(
        () =>
          [...disk.mounts.values()]
            .filter(({ target }) => target === prefix || target.startsWith(`${prefix}/`))
            .sort((a, b) => b.target.length - a.target.length),
        "/proc/self/mountinfo",
      ),
    mountTmpfs: (target, options) => add("tmpfs", target, "tmpfs", options.join()),
    bind: (source, target, readonly) => add(source, target, "none", readonly ? "ro" : "rw"),
    bindInside: (root, path, target) => add(`${root}/${path}`, target, "none", "rw"),
    unmount: (target) => act(() => void disk.mounts.delete(target), target),
    makeShared: () => Promise.resolve(),
    usage: () => Promise.resolve({ capacityBytes: 1e12, availableBytes: 5e11, inodes: 1e9, inodesFree: 5e8 }),
  };
}

const statOf = (node: Node | undefined): FileStat | undefined =>
  node && {
    kind: node.kind,
    size: node.kind === "file" ? node.content.length : 0,
    mode: "mode" in node ? node.mode : 0o777,
    uid: 0,
    gid: 0,
    modifiedAt: 0,
    inode: 0,
  };
