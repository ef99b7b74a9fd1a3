import { basename, dirname } from "node:path";
import { Bell } from "../base/bell.ts";
import { KubeletError } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogFile, LogFiles } from "../ports/log-files.ts";
import { LogPrinter, type PrintOptions } from "./print.ts";
import { LineSplitter } from "./split.ts";
import { findTailStart } from "./tail.ts";

const BLOCK = 64 * 1024;
/** A follower looks again this often even when no change was announced. */
const TICK = millis(1000);
/** How long a reader waits for the last lines of a container that has just ended. */
const LAST_LINES = millis(2000);

export interface LogOptions extends Omit<PrintOptions, "maxLines"> {
  /** Raw lines from the end, undefined: all. */
  readonly tailLines: number | undefined;
  readonly follow: boolean;
}

export interface LogSource {
  readonly path: string;
  /** Is the container that writes it still running? Asked only by a follower. */
  readonly running: () => boolean;
  /** Resolves when what a container that has ended wrote is in the file; at once while it runs. */
  readonly settled?: (() => Promise<void>) | undefined;
}

export interface LogDeps {
  readonly files: LogFiles;
  readonly clock: Clock;
}

/**
 * The log of one container as a client reads it, in blocks, as fast as the caller pulls. Reads the current file only; a follower goes
 * on into the files that rotation makes, each to its end before the next, and ends when the container is not running and all is read.
 * Aborting ends it quietly. @throws KubeletError `file-failed` when there is no file or its first line is in no known format
 */
export async function* readLog(
  source: LogSource,
  options: LogOptions,
  deps: LogDeps,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using scope = new AsyncDisposableStack();
  if (!options.follow) await lastLines(source, deps.clock, signal);
  const start = await deps.files.open(source.path);
  if (start === undefined) {
    throw new KubeletError(
      `Cannot read container log ${source.path}: there is no such file; the runtime may have removed it`,
      {
        code: "file-failed",
        path: source.path,
        errno: "ENOENT",
      },
    );
  }
  const reader = scope.use(new Reader(start, options));
  const size = await start.size();
  if (options.tailLines !== undefined) reader.offset = await findTailStart(start, size, options.tailLines);
  if (!options.follow) {
    yield* reader.drain(size, signal);
    yield* reader.finish();
    return;
  }
  const changes = scope.use(watchChanges(source.path, deps, signal));
  const rotation = new Rotation(source.path, deps.files);
  await rotation.begin();
  for (;;) {
    // Asked before reading: what a container wrote before it ended is in the file by then.
    const running = source.running();
    yield* reader.drain(Number.POSITIVE_INFINITY, signal);
    if (signal.aborted || reader.done) return;
    const next = await rotation.next(reader.identity);
    if (next !== undefined) {
      // The runtime makes the new file a moment before it leaves the old one: the new one's first bytes, or a tick, say that it has.
      if (next.fresh && running) await changes.until(async () => rotation.written(next.path), signal);
      yield* reader.drain(Number.POSITIVE_INFINITY, signal);
      const file = await deps.files.open(next.path);
      if (file !== undefined) {
        yield* reader.finish();
        rotation.moved(next.path);
        await reader.moveTo(file);
      }
      if (!signal.aborted && !reader.done) continue;
      return;
    }
    if (!running) {
      yield* reader.finish();
      return;
    }
    await changes.wait(signal);
  }
}

async function lastLines({ settled }: LogSource, clock: Clock, signal: AbortSignal): Promise<void> {
  if (settled === undefined) return;
  const turn = new AbortController();
  const late = clock.sleep(LAST_LINES, AbortSignal.any([signal, turn.signal])).catch(() => {});
  await Promise.race([settled(), late]);
  turn.abort();
}

/** Reads one file after the other through one printer. */
class Reader implements AsyncDisposable {
  offset = 0;
  #file: LogFile;
  readonly #splitter = new LineSplitter();
  readonly #printer: LogPrinter;

  constructor(file: LogFile, options: LogOptions) {
    this.#file = file;
    this.#printer = new LogPrinter({ ...options, maxLines: options.follow ? undefined : options.tailLines });
  }

  get identity(): string {
    return this.#file.identity;
  }

  get done(): boolean {
    return this.#printer.done;
  }

  /** Yields what is there, up to offset `end`. */
  async *drain(end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    while (!signal.aborted && !this.done && this.offset < end) {
      const block = await this.#file.read(this.offset, Math.min(BLOCK, end - this.offset));
      if (block.length === 0) return;
      this.offset += block.length;
      const out: Uint8Array[] = [];
      for (const piece of this.#splitter.push(block)) this.#printer.print(piece, out);
      if (out.length > 0) yield Buffer.concat(out);
    }
  }

  /** Yields an unfinished last line. */
  *finish(): Generator<Uint8Array> {
    const out: Uint8Array[] = [];
    for (const piece of this.#splitter.end()) this.#printer.print(piece, out);
    if (out.length > 0) yield Buffer.concat(out);
  }

  async moveTo(file: LogFile): Promise<void> {
    const old = this.#file;
    this.#file = file;
    this.offset = 0;
    await old[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}

/**
 * Finds the file after the one being read. `0.log` is renamed to `0.log.<time>` and made again; names of rotated files sort by age.
 * A follower so slow that the file after its own was already compressed misses that one.
 */
class Rotation {
  readonly #path: string;
  readonly #files: LogFiles;
  /** Newest rotated name that is older than, or is, the file being read. */
  #newest = "";

  constructor(path: string, files: LogFiles) {
    this.#path = path;
    this.#files = files;
  }

  async begin(): Promise<void> {
    this.#newest = (await this.#rotated()).at(-1) ?? "";
  }

  /** `fresh`: it is the live file, which the runtime may only just have made. */
  async next(identity: string): Promise<{ readonly path: string; readonly fresh: boolean } | undefined> {
    const live = await this.#files.identify(this.#path);
    if (live === undefined || live.identity === identity) return undefined;
    for (const name of await this.#rotated()) {
      if (name <= this.#newest) continue;
      const path = `${dirname(this.#path)}/${name}`;
      const seen = await this.#files.identify(path);
      if (seen === undefined) continue;
      if (seen.identity === identity) this.#newest = name;
      else if (seen.identity !== live.identity) return { path, fresh: false };
    }
    return { path: this.#path, fresh: true };
  }

  moved(path: string): void {
    if (path !== this.#path) this.#newest = basename(path);
  }

  async written(path: string): Promise<boolean> {
    return ((await this.#files.identify(path))?.size ?? 0) > 0;
  }

  async #rotated(): Promise<readonly string[]> {
    const prefix = `${basename(this.#path)}.`;
    return (await this.#files.list(dirname(this.#path))).filter(
      (name) => name.startsWith(prefix) && /\.\d{8}-\d{6}$/.test(name),
    );
  }
}

interface Changes extends AsyncDisposable {
  /** Returns after a change, a tick, or an abort. */
  wait(signal: AbortSignal): Promise<void>;
  /** Waits until `met`, at most one tick. */
  until(met: () => Promise<boolean>, signal: AbortSignal): Promise<void>;
}

function watchChanges(path: string, { files, clock }: LogDeps, signal: AbortSignal): Changes {
  const stop = new AbortController();
  const scope = AbortSignal.any([signal, stop.signal]);
  const bell = new Bell();
  const watching = (async () => {
    for await (const _ of files.watch(path, scope)) bell.ring();
  })().catch(() => {}); // the tick goes on without it
  const ticking = (async () => {
    while (!scope.aborted) {
      await clock.sleep(TICK, scope);
      bell.ring();
    }
  })().catch(() => {});
  const wait = (until: AbortSignal) => bell.wait(AbortSignal.any([until, scope])).catch(() => {});
  return {
    wait,
    async until(met, until) {
      const end = clock.monotonic() + TICK;
      while (!until.aborted && !scope.aborted && clock.monotonic() < end && !(await met())) await wait(until);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([watching, ticking]);
    },
  };
}
