import { type FSWatcher, watch as inotify } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Bell } from "../../base/bell.ts";
import { isAbsent } from "./fault.ts";

/** Only where inotify refuses (its limits are per user and may be used up): then a look each second is better than none. */
const FALLBACK_MS = 1000;

/**
 * Changes at `path` by inotify. A watch holds an inode, not a name, so every existing directory on the way is watched too: when the
 * next step of the way is made, removed or replaced, all watches are armed anew.
 */
export async function* watch(path: string, signal: AbortSignal): AsyncGenerator<void, never> {
  const bell = new Bell();
  using watches = new Watches(resolve(path), () => bell.ring());
  watches.arm();
  // A reader that aborts while it works never comes back for the next ring: then nobody else would close.
  signal.addEventListener("abort", () => watches[Symbol.dispose](), { once: true });
  yield;
  for (;;) {
    await bell.wait(signal);
    watches.armIfMoved();
    yield;
  }
}

class Watches {
  readonly #path: string;
  readonly #ring: () => void;
  #open: FSWatcher[] = [];
  #fallback: NodeJS.Timeout | undefined;
  #moved = false;

  constructor(path: string, ring: () => void) {
    this.#path = path;
    this.#ring = ring;
  }

  /** From the root down, so that a step made while we arm is either seen by its parent's watch or found by its own. */
  arm(): void {
    this[Symbol.dispose]();
    this.#moved = false;
    for (const step of waysTo(this.#path)) {
      if (!this.#add(step)) return;
    }
  }

  armIfMoved(): void {
    if (this.#moved) this.arm();
  }

  #add(step: string): boolean {
    try {
      const watcher = inotify(step, { persistent: true }, (event, name) => this.#saw(step, event, name));
      watcher.on("error", () => this.#lost());
      this.#open.push(watcher);
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      this.#lost();
      return true;
    }
  }

  #saw(step: string, event: string, name: string | null): void {
    const gone = event === "rename" && name === basename(step);
    if (step === this.#path) {
      if (gone) this.#moved = true;
      this.#ring();
      return;
    }
    const next = nextStep(step, this.#path);
    if (!gone && name !== null && name !== next) return;
    // A plain change of the last step's content or mode keeps its inode; everything else may have swapped it.
    if (event === "rename") this.#moved = true;
    this.#ring();
  }

  #lost(): void {
    this.#moved = true;
    this.#fallback ??= setInterval(() => {
      this.#moved = true;
      this.#ring();
    }, FALLBACK_MS);
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#open) watcher.close();
    this.#open = [];
    clearInterval(this.#fallback);
    this.#fallback = undefined;
  }
}

/** "/a/b" -> "/", "/a", "/a/b". */
function waysTo(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...waysTo(parent), path];
}

const nextStep = (step: string, path: string): string | undefined =>
  path.slice(step === "/" ? 1 : step.length + 1).split("/")[0];
