import { createHash } from "node:crypto";
import { join } from "node:path";
import { Bell } from "../base/bell.ts";
import { isFault, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import { millis } from "../base/units.ts";
import { MAX_MANIFEST_BYTES } from "../model/yaml.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileStat, Files } from "../ports/files.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { LastGood, ScannedFile } from "./folder.ts";
import { mergeScan } from "./folder.ts";
import type { Manifest } from "./manifest.ts";
import { readManifest } from "./manifest.ts";
import type { SourceUpdate } from "./update.ts";

export interface FileSourceOptions {
  /** Folder of manifests, or one manifest. */
  readonly path: string;
  readonly nodeName: string;
  /** Scans that often even where no change was noticed. */
  readonly checkFrequency: Millis;
}

export interface FileSourceDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a file that looks half-written must stay as it is before it is taken at its word. */
const SETTLE = millis(100);
/** A timer may be a little early. */
const SETTLE_WAIT = millis(SETTLE + 5);
/** Two changes closer than this may have one modification time. */
const TIMESTAMP_STEP_MS = 1000;
const LINE_END = 0x0a;
const BRACE_END = 0x7d;

/** What is remembered of a file's newest content. */
interface Known {
  readonly digest: string;
  readonly stat: Pick<FileStat, "inode" | "size" | "modifiedAt">;
  /** The content was read long enough after its modification time for an equal time to mean equal content. */
  readonly dated: boolean;
  readonly manifest: Manifest;
  /** Monotonic time at which the content was first seen. */
  readonly since: number;
  readonly settled: boolean;
  /** Monotonic time at which the file was first found gone. Editors take a file away for a moment when they save. */
  readonly goneSince?: number | undefined;
}

/** The file source: yields at once, then whenever what the files ask for, or what is wrong with them, changes. Ends by abort only. */
export async function* readFiles(
  options: FileSourceOptions,
  deps: FileSourceDeps,
  signal: AbortSignal,
): AsyncIterable<SourceUpdate> {
  const { clock, log } = deps;
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const bell = new Bell();
  const ring = () => bell.ring();
  const ignore = () => {};
  bell.ring();
  watchFiles(options, deps, ring, stopped).catch(ignore);
  every(options.checkFrequency, clock, ring, stopped).catch(ignore);
  const scanner = new Scanner(options, deps);
  let shown = "";
  try {
    while (true) {
      await bell.wait(stopped);
      const update = await scanner.scan();
      if (scanner.unsettled) clock.sleep(SETTLE_WAIT, stopped).then(ring, ignore);
      const text = canonicalJson(update);
      if (text === shown) continue;
      shown = text;
      log.debug(4, "Read manifests", {
        path: options.path,
        pods: update.pods.length,
        rejected: update.rejected.length,
      });
      yield update;
    }
  } finally {
    stop.abort();
  }
}

/** Holds the last good version of each file from scan to scan. */
class Scanner {
  readonly #options: FileSourceOptions;
  readonly #deps: FileSourceDeps;
  #known = new Map<string, Known>();
  #lastGood: LastGood = new Map();
  #last: SourceUpdate = { source: "file", pods: [], rejected: [], warnings: [], complete: false };

  constructor(options: FileSourceOptions, deps: FileSourceDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Must be scanned again soon. */
  get unsettled(): boolean {
    return [...this.#known.values()].some(({ settled }) => !settled);
  }

  async scan(): Promise<SourceUpdate> {
    try {
      const scanned = await this.#readAll();
      const { lastGood, update } = mergeScan(this.#lastGood, scanned);
      this.#lastGood = lastGood;
      this.#last = update;
    } catch (error) {
      // The folder itself cannot be read: what is known holds on.
      if (!isFault(error, "file-failed")) throw error;
      const problem = { field: "", message: `cannot be read (${error.fault.errno}): ${messageOf(error)}` };
      const rejected = { where: this.#options.path, problems: [problem], keptPrevious: this.#last.pods.length > 0 };
      this.#last = { ...this.#last, rejected: [rejected] };
    }
    return this.#last;
  }

  async #readAll(): Promise<readonly ScannedFile[]> {
    const scanned: ScannedFile[] = [];
    const known = new Map<string, Known>();
    for (const path of await this.#paths()) {
      const file = await this.#readOne(path);
      if (!file) continue;
      known.set(path, file);
      scanned.push({ path, found: file.settled ? file.manifest : { kind: "unsettled" } });
    }
    const now = this.#deps.clock.monotonic();
    for (const [path, before] of this.#known) {
      const { goneSince = now } = before;
      if (known.has(path) || !this.#lastGood.has(path) || now - goneSince >= SETTLE) continue;
      known.set(path, { ...before, settled: false, goneSince });
      scanned.push({ path, found: { kind: "gone" } });
    }
    this.#known = known;
    return scanned;
  }

  async #paths(): Promise<readonly string[]> {
    const { path } = this.#options;
    const { files } = this.#deps;
    const stat = await files.statFollow(path);
    if (stat?.kind === "file") return [path];
    const names = stat === undefined ? [] : ((await files.list(path)) ?? []);
    return names.filter((name) => !name.startsWith(".")).map((name) => join(path, name));
  }

  /** undefined for what is no regular file, or gone. */
  async #readOne(path: string): Promise<Known | undefined> {
    const { files, clock } = this.#deps;
    const before = this.#known.get(path);
    try {
      const stat = await files.statFollow(path);
      if (stat?.kind !== "file") return undefined;
      if (before?.settled && before.dated && sameStat(before.stat, stat)) return before;
      const content = await files.read(path, MAX_MANIFEST_BYTES);
      if (!content) return undefined;
      const digest = createHash("sha256").update(content).digest("base64");
      const now = clock.monotonic();
      const age = clock.wall().getTime() - stat.modifiedAt;
      const dated = age >= TIMESTAMP_STEP_MS;
      if (before?.digest === digest) {
        const settled = before.settled || age >= SETTLE || now - before.since >= SETTLE;
        return { ...before, stat, dated, settled, goneSince: undefined };
      }
      const origin = { source: "file" as const, where: path, nodeName: this.#options.nodeName, seen: clock.wall() };
      const manifest = await readManifest(content, origin);
      const finished = looksWhole(content) && manifest.kind === "pods" && before?.stat.inode !== stat.inode;
      return { digest, stat, dated, manifest, since: now, settled: finished || age >= SETTLE };
    } catch (error) {
      if (!isFault(error, "file-failed")) throw error;
      const { errno } = error.fault;
      const reason =
        errno === "EFBIG"
          ? `has more than ${MAX_MANIFEST_BYTES} bytes: split it, or remove what is no manifest`
          : `cannot be read (${errno}): ${messageOf(error)}`;
      const manifest: Manifest = { kind: "invalid", problems: [{ field: "", message: reason }] };
      const stat = { inode: 0, size: 0, modifiedAt: 0 };
      return { digest: errno, stat, dated: false, manifest, since: clock.monotonic(), settled: true };
    }
  }
}

const sameStat = (a: Known["stat"], b: Known["stat"]): boolean =>
  a.inode === b.inode && a.size === b.size && a.modifiedAt === b.modifiedAt;

/** A writer that was interrupted rarely stops at the end of a line. */
function looksWhole(content: Uint8Array): boolean {
  const last = content.at(-1);
  return last === LINE_END || last === BRACE_END;
}

async function watchFiles(
  { path, checkFrequency }: FileSourceOptions,
  { files, clock, log }: FileSourceDeps,
  ring: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const _ of files.watch(path, signal)) ring();
    } catch (error) {
      if (signal.aborted) return;
      log.warn("Cannot watch manifests, changes are found by scanning only", { path, err: messageOf(error) });
    }
    await clock.sleep(checkFrequency, signal);
  }
}

async function every(span: Millis, clock: Clock, ring: () => void, signal: AbortSignal): Promise<void> {
  while (true) {
    await clock.sleep(span, signal);
    ring();
  }
}
