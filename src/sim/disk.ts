import { dirname, resolve } from "node:path";
import type { Mount } from "../ports/mounts.ts";
import { failed } from "./disturbed.ts";

export interface Directory {
  readonly kind: "directory";
  readonly inode: number;
  mode: number;
  readonly children: Map<string, Entry>;
}

export interface RegularFile {
  readonly kind: "file";
  readonly inode: number;
  mode: number;
  content: Uint8Array;
}

export interface Symlink {
  readonly kind: "symlink";
  readonly inode: number;
  readonly target: string;
}

export type Entry = Directory | RegularFile | Symlink;

export interface DiskMount extends Mount {
  /** What is seen at the target. */
  readonly root: Entry;
  readonly readonly: boolean;
}

/** Where a path leads. */
export interface Place {
  /** The path without symlinks in it. */
  readonly path: string;
  readonly name: string;
  /** undefined: the directory is absent, or it is the root. */
  readonly parent: Directory | undefined;
  /** undefined: nothing is there. */
  readonly entry: Entry | undefined;
  readonly readonly: boolean;
}

const MOST_LINKS = 40;

/** The disk of the simulated node with its mounts. It outlives every kubelet; what a process wrote before it died is there. */
export class Disk {
  /** Target -> mount. */
  readonly mounts = new Map<string, DiskMount>();
  readonly #watchers = new Set<() => void>();
  #inodes = 0;
  readonly root: Directory = this.directory(0o755);

  directory(mode: number): Directory {
    return { kind: "directory", inode: ++this.#inodes, mode, children: new Map() };
  }

  file(mode: number, content: Uint8Array): RegularFile {
    return { kind: "file", inode: ++this.#inodes, mode, content };
  }

  symlink(target: string): Symlink {
    return { kind: "symlink", inode: ++this.#inodes, target };
  }

  /** Walks a path. `follow`: also a symlink at its end. @throws ENOTDIR, ELOOP */
  walk(path: string, follow: boolean, links = 0): Place {
    const parts = resolve("/", path).split("/").slice(1).filter(Boolean);
    let place: Place = { path: "/", name: "", parent: undefined, entry: this.root, readonly: false };
    for (const [depth, name] of parts.entries()) {
      const { entry: parent } = place;
      const here = `${place.path === "/" ? "" : place.path}/${name}`;
      if (parent && parent.kind !== "directory") throw failed("ENOTDIR", path);
      const mount = this.mounts.get(here);
      const entry = mount?.root ?? parent?.children.get(name);
      place = { path: here, name, parent, entry, readonly: mount?.readonly ?? place.readonly };
      if (entry?.kind === "symlink" && (follow || depth < parts.length - 1)) {
        if (links >= MOST_LINKS) throw failed("ELOOP", path);
        return this.walk(resolve(dirname(here), entry.target, ...parts.slice(depth + 1)), follow, links + 1);
      }
    }
    return place;
  }

  /** Puts an entry, or nothing, at a place. @throws ENOENT, EROFS */
  put({ parent, name, path, readonly }: Place, entry: Entry | undefined): void {
    if (!parent) throw failed("ENOENT", path);
    if (readonly) throw failed("EROFS", path);
    if (entry) parent.children.set(name, entry);
    else parent.children.delete(name);
    this.touch();
  }

  /** Tells whoever watches. */
  touch(): void {
    for (const tell of this.#watchers) tell();
  }

  watch(tell: () => void): Disposable {
    this.#watchers.add(tell);
    return { [Symbol.dispose]: () => void this.#watchers.delete(tell) };
  }

  /** Mounts at a path or below it. */
  mountsAt(path: string): readonly DiskMount[] {
    return [...this.mounts.values()].filter(({ target }) => target === path || target.startsWith(`${path}/`));
  }

  /** Every path that is there, by the directories alone: what is mounted is not looked into. */
  *paths(directory = this.root, path = ""): Generator<string> {
    for (const [name, entry] of directory.children) {
      yield `${path}/${name}`;
      if (entry.kind === "directory") yield* this.paths(entry, `${path}/${name}`);
    }
  }
}
